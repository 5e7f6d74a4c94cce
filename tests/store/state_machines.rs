//! State machines, versions, tags, functions.

use std::collections::BTreeMap;

use store::{
    Created, Delivery, Function, Kind, Lane, MachineStatus, NewStateMachine, Protocol, Publication,
    Published, Resource, Revision, Status, Store, Tagged, Update, Updated, shard_of,
};
use tests::database::Database;
use tests::psql::psql;
use uuid::Uuid;

use super::{ACCOUNT, MACHINE, at, batch, ending, start, turn};

fn new(definition: &str) -> NewStateMachine {
    NewStateMachine {
        account: ACCOUNT.to_owned(),
        name: MACHINE.to_owned(),
        life: Uuid::new_v4(),
        kind: Kind::Standard,
        revision: Revision {
            id: Uuid::new_v4(),
            definition: definition.to_owned(),
            role_arn: "role".to_owned(),
            logging: None,
            tracing: Some(r#"{"enabled":true}"#.to_owned()),
            encryption: None,
            initial: true,
            created_at: at(0),
        },
        tags: vec![("team".to_owned(), "blue".to_owned())],
        publish: None,
    }
}

fn update(definition: &str) -> Update {
    Update {
        revision_id: Uuid::new_v4(),
        updated_at: at(5),
        definition: Some(definition.to_owned()),
        role_arn: None,
        logging: None,
        tracing: None,
        encryption: None,
        publish: None,
    }
}

async fn create(store: &Store, new: &NewStateMachine) -> bool {
    match store.create(new).await.unwrap() {
        Created::Created(machine, _) => {
            assert_eq!(machine.revision, new.revision);
            true
        }
        Created::Existing(machine) => {
            assert_ne!(machine.revision.id, new.revision.id);
            false
        }
    }
}

#[tokio::test]
async fn of_two_creations_at_once_one_wins() {
    let database = Database::private().await;
    let store = &database.store;
    let (one, two) = (new("1"), new("2"));
    let (first, second) = tokio::join!(create(store, &one), create(store, &two));
    assert!(first != second);
    let winner = if first { &one } else { &two };
    let loser = if first { &two } else { &one };
    let there = store.state_machine(ACCOUNT, MACHINE).await.unwrap().unwrap();
    assert_eq!(there.revision, winner.revision);
    assert_eq!(store.revision(loser.revision.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_update_makes_a_revision_and_keeps_what_it_does_not_name() {
    let database = Database::private().await;
    let store = &database.store;
    let first = new("first");
    create(store, &first).await;
    let mut change = update("second");
    change.publish = Some(Publication { description: Some("better".to_owned()) });
    let Updated::Updated(machine, version) = store.update(ACCOUNT, MACHINE, &change).await.unwrap()
    else {
        panic!("not updated")
    };
    assert_eq!(machine.revision.tracing, first.revision.tracing);
    assert_eq!(version.unwrap().number, 1);
    assert_eq!(store.state_machine(ACCOUNT, MACHINE).await.unwrap().unwrap(), *machine);
    assert_eq!(store.definition(first.revision.id).await.unwrap().unwrap(), "first");
    assert_eq!(store.definition(change.revision_id).await.unwrap().unwrap(), "second");
    let unknown = store.update(ACCOUNT, "unknown", &update("x")).await.unwrap();
    assert!(matches!(unknown, Updated::NotFound));
}

#[tokio::test]
async fn a_version_is_published_once_per_revision_and_its_number_never_again() {
    let database = Database::private().await;
    let store = &database.store;
    let publish = async |expected| match store
        .publish(ACCOUNT, MACHINE, expected, None, at(1))
        .await
        .unwrap()
    {
        Published::Published(version) => version.number,
        other => panic!("{other:?}"),
    };
    let missing = store.publish(ACCOUNT, MACHINE, None, None, at(1)).await.unwrap();
    assert_eq!(missing, Published::NotFound);
    let first = new("first");
    create(store, &first).await;
    assert_eq!(publish(None).await, 1);
    assert_eq!(publish(Some(first.revision.id)).await, 1);
    store.update(ACCOUNT, MACHINE, &update("second")).await.unwrap();
    let stale = store.publish(ACCOUNT, MACHINE, Some(first.revision.id), None, at(1));
    assert_eq!(stale.await.unwrap(), Published::OtherRevision);
    assert_eq!(publish(None).await, 2);
    assert!(store.delete_version(ACCOUNT, MACHINE, 2).await.unwrap());
    assert!(!store.delete_version(ACCOUNT, MACHINE, 2).await.unwrap());
    assert_eq!(publish(None).await, 3);
    let numbers: Vec<i64> = store
        .versions(ACCOUNT, MACHINE, None, 10)
        .await
        .unwrap()
        .iter()
        .map(|version| version.number)
        .collect();
    assert_eq!(numbers, [3, 1]);
    assert_eq!(store.versions(ACCOUNT, MACHINE, Some(3), 10).await.unwrap().len(), 1);
    let (version, revision) = store.version(ACCOUNT, MACHINE, 1).await.unwrap().unwrap();
    assert_eq!((version.revision_id, revision), (first.revision.id, first.revision));
}

#[tokio::test]
async fn a_deleted_machine_goes_when_nothing_of_it_runs() {
    let database = Database::private().await;
    let store = &database.store;
    create(store, &new("1")).await;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let id = Uuid::new_v4();
    lane.append(&batch([start(id, "a")])).await.unwrap();
    assert!(store.delete(ACCOUNT, MACHINE).await.unwrap().is_some());
    assert_eq!(store.remove_deleted().await.unwrap(), 0);
    let machine = store.state_machine(ACCOUNT, MACHINE).await.unwrap().unwrap();
    assert_eq!(machine.status, MachineStatus::Deleting);
    assert_eq!(store.state_machines(ACCOUNT, None, 10).await.unwrap(), []);
    let updated = store.update(ACCOUNT, MACHINE, &update("x")).await.unwrap();
    assert!(matches!(updated, Updated::Deleting));

    lane.append(&batch([ending(turn(id, "a", 2, "end"), Status::Aborted, 1)])).await.unwrap();
    assert_eq!(store.remove_deleted().await.unwrap(), 1);
    assert_eq!(store.delete(ACCOUNT, MACHINE).await.unwrap(), None);
    assert_eq!(
        store.tags(ACCOUNT, &Resource::StateMachine("orders".to_owned())).await.unwrap(),
        []
    );
    assert!(create(store, &new("2")).await, "its name is free");
}

/// The turn that starts an execution in this life of the state machine, and ends it.
fn run(life: Uuid, name: &str) -> (Uuid, store::Batch) {
    let id = Uuid::new_v4();
    let mut first = start(id, name);
    first.start.as_mut().unwrap().life = life;
    (id, batch([ending(first, Status::Succeeded, 1)]))
}

#[tokio::test]
async fn names_are_free_in_each_life_of_a_machine() {
    let database = Database::private().await;
    let store = &database.store;
    let mut lane = Lane::new(store, Uuid::new_v4());
    let (first, second) = (Uuid::nil(), new("2"));
    create(store, &new("1")).await;
    assert_eq!(store.state_machine(ACCOUNT, MACHINE).await.unwrap().unwrap().life, first);
    let (old, turns) = run(first, "a");
    lane.append(&turns).await.unwrap();
    let again = lane.append(&run(first, "a").1).await.unwrap();
    assert_eq!(again.refused.len(), 1, "there is one of this name");
    store.delete(ACCOUNT, MACHINE).await.unwrap();
    assert_eq!(store.ending_lives().await.unwrap().len(), 1);
    assert_eq!(store.remove_deleted().await.unwrap(), 1);
    let found = async || store.describe(ACCOUNT, MACHINE, "a").await.unwrap();
    assert_eq!(found().await.unwrap().head.id, old, "it stays while nobody has its place");
    assert_eq!(store.ending_lives().await.unwrap()[0].id, first, "a start may still come");

    create(store, &second).await;
    assert_eq!(found().await, None);
    let (young, turns) = run(second.life, "a");
    assert_eq!(lane.append(&turns).await.unwrap(), store::Appended::default());
    assert_eq!(found().await.unwrap().head.id, young);
    let filter = store::ExecutionFilter {
        account: ACCOUNT,
        state_machine: MACHINE,
        life: second.life,
        since: at(0),
        status: None,
        version: None,
        alias: None,
        after: None,
        limit: 10,
    };
    let listed: Vec<Uuid> =
        store.list(&filter).await.unwrap().into_iter().map(|head| head.id).collect();
    assert_eq!(listed, [young]);
}

#[tokio::test]
async fn machines_are_listed_by_name_a_page_at_a_time() {
    let database = Database::private().await;
    let store = &database.store;
    for name in ["c", "a", "b"] {
        create(store, &NewStateMachine { name: name.to_owned(), ..new("1") }).await;
    }
    let page = store.state_machines(ACCOUNT, None, 2).await.unwrap();
    assert_eq!(page.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let page = store.state_machines(ACCOUNT, Some("b"), 2).await.unwrap();
    assert_eq!(page.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test]
async fn too_many_tags_change_nothing() {
    let database = Database::private().await;
    let store = &database.store;
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let resource = &Resource::StateMachine(MACHINE.to_owned());
    let two = [tag("a", "1"), tag("b", "2")];
    assert_eq!(store.tag(ACCOUNT, resource, &two, 2).await.unwrap(), Tagged::NotFound);
    create(store, &NewStateMachine { tags: Vec::new(), ..new("1") }).await;
    assert_eq!(store.tag(ACCOUNT, resource, &two, 2).await.unwrap(), Tagged::Tagged { added: 2 });
    let more = [tag("a", "9"), tag("c", "3")];
    assert_eq!(store.tag(ACCOUNT, resource, &more, 2).await.unwrap(), Tagged::TooMany);
    assert_eq!(store.tags(ACCOUNT, resource).await.unwrap(), two);
    let again = [tag("a", "9")];
    assert_eq!(store.tag(ACCOUNT, resource, &again, 2).await.unwrap(), Tagged::Tagged { added: 0 });
    store.untag(ACCOUNT, resource, &["b".to_owned(), "never".to_owned()]).await.unwrap();
    assert_eq!(store.tags(ACCOUNT, resource).await.unwrap(), again);
}

#[tokio::test]
async fn a_function_is_registered_replaced_and_removed() {
    let database = Database::private().await;
    let store = &database.store;
    let mut function = Function {
        account: ACCOUNT.to_owned(),
        name: "resize".to_owned(),
        url: "http://127.0.0.1:9/resize".to_owned(),
        protocol: Protocol::Lambda,
        timeout_seconds: Some(30),
        headers: BTreeMap::from([("x-key".to_owned(), "1".into())]),
        max_concurrency: None,
        delivery: Delivery::AtMostOnce,
        created_at: at(0),
        updated_at: at(0),
    };
    assert!(store.put_function(&function).await.unwrap());
    function.protocol = Protocol::Http;
    function.updated_at = at(9);
    assert!(
        !store.put_function(&Function { created_at: at(9), ..function.clone() }).await.unwrap()
    );
    assert_eq!(store.function(ACCOUNT, "resize").await.unwrap(), Some(function.clone()));
    assert_eq!(store.functions(ACCOUNT, None, 10).await.unwrap(), [function]);
    assert_eq!(store.functions(ACCOUNT, Some("resize"), 10).await.unwrap(), []);
    assert!(store.delete_function(ACCOUNT, "resize").await.unwrap());
    assert!(!store.delete_function(ACCOUNT, "resize").await.unwrap());
}

#[tokio::test]
async fn what_an_earlier_release_writes_belongs_to_the_life_that_is() {
    let database = Database::private().await;
    let store = &database.store;
    // Earlier releases know nothing of lives.
    let insert = || {
        let sql = format!(
            "INSERT INTO state_machines (account, name, type, revision_id, created_at, updated_at)
             SELECT account, state_machine, 'STANDARD', id, now(), now() FROM revisions
             WHERE state_machine = '{MACHINE}'"
        );
        psql(&database.url, &sql).unwrap();
    };
    let start = |name: &str| {
        let (shard, id) = (shard_of(ACCOUNT, MACHINE, name), Uuid::new_v4());
        let sql = format!(
            "INSERT INTO executions
                 (shard, id, account, state_machine, name, revision_id, input, started_at, status)
             VALUES ({shard}, '{id}', '{ACCOUNT}', '{MACHINE}', '{name}', '{id}', '{{}}', now(), 'RUNNING')
             RETURNING life"
        );
        psql(&database.url, &sql).unwrap().lines().next().unwrap().to_owned()
    };
    let life = || psql(&database.url, "SELECT life FROM state_machines").unwrap();
    let end = || {
        let ended =
            "UPDATE executions SET status = 'ABORTED', ended_at = now() WHERE ended_at IS NULL;
             DELETE FROM state_machines";
        psql(&database.url, ended).unwrap()
    };
    assert!(create(store, &new("first")).await);
    psql(&database.url, "DELETE FROM state_machines").unwrap();
    insert();
    assert_eq!(start("one"), Uuid::nil().to_string());
    end();
    insert();
    let second = life();
    assert_ne!(second, Uuid::nil().to_string());
    assert_eq!(start("one"), second, "its name is free");
    end();
    assert_eq!(start("late"), Uuid::nil().to_string(), "nobody's, as before");
    // This release creates it anew.
    psql(&database.url, "UPDATE executions SET status = 'ABORTED', ended_at = now()").unwrap();
    assert!(create(store, &new("third")).await);
    let third = life();
    assert!(third != second && third != Uuid::nil().to_string());
    assert_eq!(start("one"), third);
}
