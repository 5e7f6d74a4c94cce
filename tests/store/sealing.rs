//! Secrets in the database: sealed for their row, with the key of their nodes, which can be changed.

use chrono::DateTime;
use store::{Delivery, Function, Protocol, SealingError, SealingKeys, Store};
use tests::database::{Database, SEALING_KEY};
use tests::psql::{in_hexadecimal, psql};

const ACCOUNT: &str = "123456789012";
const SECRET: &str = "hunter2-f00d";

fn function(name: &str) -> Function {
    Function {
        account: ACCOUNT.to_owned(),
        name: name.to_owned(),
        url: format!("http://host/{name}?key={SECRET}"),
        protocol: Protocol::Http,
        timeout_seconds: None,
        headers: [("x-key".to_owned(), SECRET.into())].into(),
        max_concurrency: None,
        delivery: Delivery::AtLeastOnce,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

/// The same database, for a node with these keys.
fn node(database: &Database, keys: &[&str]) -> Store {
    database.store.clone().sealed_with(keys.join("\n").parse().unwrap())
}

fn new_key() -> String {
    SealingKeys::generate().reveal().to_owned()
}

/// The ids of the keys in use.
fn in_use(database: &Database) -> String {
    psql(&database.url, "SELECT id FROM sealing_keys ORDER BY id").unwrap()
}

fn id(key: &str) -> String {
    key.parse::<SealingKeys>().unwrap().ids().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_dump_of_the_database_tells_no_secret() {
    let database = Database::private().await;
    database.store.put_function(&function("f")).await.unwrap();
    database.store.secret("task tokens", SECRET.as_bytes()).await.unwrap();
    let rows = psql(&database.url, "SELECT f::text, s::text FROM functions f, secrets s").unwrap();
    assert!(rows.contains("http://host/f?***"), "{rows}");
    let hexadecimal = in_hexadecimal(SECRET.as_bytes());
    assert!(!rows.contains(SECRET) && !rows.contains(&hexadecimal), "{rows}");
    let found = database.store.function(ACCOUNT, "f").await.unwrap().unwrap();
    assert_eq!(found, function("f"));
    assert!(!format!("{found:?}").contains(SECRET));
}

#[tokio::test]
async fn a_sealed_value_that_is_moved_to_another_row_does_not_open() {
    let database = Database::private().await;
    database.store.put_function(&function("f")).await.unwrap();
    database.store.put_function(&function("g")).await.unwrap();
    let moved = "UPDATE functions SET sealed = (SELECT sealed FROM functions WHERE name = 'f')";
    psql(&database.url, moved).unwrap();
    assert!(database.store.function(ACCOUNT, "f").await.is_ok());
    let refused = database.store.function(ACCOUNT, "g").await.unwrap_err();
    assert!(matches!(refused.sealing(), Some(SealingError::Unreadable { .. })), "{refused}");
    assert!(database.store.functions(ACCOUNT, None, 10).await.is_err());
}

#[tokio::test]
async fn a_node_with_another_key_is_told_at_the_start_and_changes_nothing() {
    let database = Database::private().await;
    database.store.put_function(&function("f")).await.unwrap();
    let before = in_use(&database);
    let other = new_key();
    let refused = node(&database, &[&other]).migrate().await.unwrap_err();
    let (needed, given) = (id(SEALING_KEY), id(&other));
    assert_eq!(refused.sealing(), Some(&SealingError::KeyNotGiven { needed, given }));
    assert!(node(&database, &[&other]).unlock().await.is_err());
    assert_eq!(in_use(&database), before);
    // Nor can a node without any do anything.
    let keyless = Store::connect(&database.url, 1).await.unwrap();
    let refused = keyless.migrate().await.unwrap_err();
    assert_eq!(refused.sealing(), Some(&SealingError::NoKey));
}

#[tokio::test]
async fn a_key_that_is_only_called_like_ours_is_found_out() {
    let database = Database::private().await;
    psql(&database.url, "UPDATE sealing_keys SET proof = proof || '\\x00'").unwrap();
    let refused = database.store.unlock().await.unwrap_err();
    assert!(matches!(refused.sealing(), Some(SealingError::Unreadable { .. })), "{refused}");
}

#[tokio::test]
async fn a_key_is_changed_step_by_step_while_nodes_run() {
    let database = Database::private().await;
    let (old, new) = (SEALING_KEY, new_key());
    let before = node(&database, &[old]);
    for number in 0..450 {
        before.put_function(&function(&format!("f{number}"))).await.unwrap();
    }
    before.secret("task tokens", b"the secret").await.unwrap();

    // The new one second: everything goes on as before.
    let second = node(&database, &[old, &new]);
    second.unlock().await.unwrap();
    second.put_function(&function("second")).await.unwrap();
    assert!(before.function(ACCOUNT, "second").await.unwrap().is_some());

    // The new one first: both are in use, and whoever has one of them alone does not start.
    let first = node(&database, &[&new, old]);
    first.unlock().await.unwrap();
    first.put_function(&function("first")).await.unwrap();
    assert!(second.function(ACCOUNT, "first").await.unwrap().is_some());
    for alone in [old, &new] {
        let refused = node(&database, &[alone]).unlock().await.unwrap_err();
        assert!(matches!(refused.sealing(), Some(SealingError::KeyNotGiven { .. })), "{refused}");
    }

    // Everything anew, twice at once: then the old one is of no use to anybody.
    let (one, two) = tokio::join!(first.reseal(), first.reseal());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.secrets + two.secrets, 450 + 1 + 1);
    assert_eq!([one.retired, two.retired].concat(), [id(old)]);
    assert_eq!(in_use(&database), id(&new));
    let after = node(&database, &[&new]);
    after.unlock().await.unwrap();
    assert_eq!(after.functions(ACCOUNT, None, 1000).await.unwrap().len(), 452);
    assert_eq!(after.secret("task tokens", b"another").await.unwrap(), b"the secret");
    assert_eq!(after.reseal().await.unwrap().secrets, 0, "there is nothing left to do");
}

#[tokio::test]
async fn who_still_seals_with_the_old_key_makes_it_needed_again() {
    let database = Database::private().await;
    let new = new_key();
    let forgotten = node(&database, &[SEALING_KEY, &new]);
    let first = node(&database, &[&new, SEALING_KEY]);
    first.reseal().await.unwrap();
    assert_eq!(in_use(&database), id(&new));
    forgotten.put_function(&function("f")).await.unwrap();
    // Told at the start, not when `f` is called.
    let refused = node(&database, &[&new]).unlock().await.unwrap_err();
    let (needed, given) = (id(SEALING_KEY), id(&new));
    assert_eq!(refused.sealing(), Some(&SealingError::KeyNotGiven { needed, given }));
    assert_eq!(first.reseal().await.unwrap().retired, [id(SEALING_KEY)]);
    node(&database, &[&new]).unlock().await.unwrap();
}

#[tokio::test]
async fn a_key_that_something_is_sealed_with_cannot_leave_the_list() {
    let database = Database::private().await;
    database.store.put_function(&function("f")).await.unwrap();
    let refused = psql(&database.url, "DELETE FROM sealing_keys").unwrap_err();
    assert!(refused.to_string().contains("foreign key"), "{refused}");
}
