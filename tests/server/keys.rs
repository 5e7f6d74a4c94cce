//! `statewright keys`: access keys made, listed and revoked, on a database and on that of `dev`.

use std::process::Output;

use serde_json::Value;
use store::Scope;
use tests::database::Database;

use super::dev::Dev;
use super::{Folder, run, statewright, stderr, stdout};

/// `statewright keys` on this database.
fn keys(database: &Database, arguments: &[&str]) -> Output {
    let mut command = statewright(&["keys"]);
    command.args(arguments).env("DATABASE_URL", &database.url).output().unwrap()
}

/// What it printed as JSON.
#[track_caller]
fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).unwrap()
}

#[tokio::test]
async fn a_key_is_printed_once_with_the_lines_to_use_it() {
    let database = Database::private().await;
    let made = keys(&database, &["create", "--note", "from a test"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let said = stdout(&made);
    let after = |label: &str| {
        let (_, rest) = said.split_once(label).expect(&said);
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let (id, secret) = (after("\n  id      "), after("\n  secret  "));
    for line in [
        format!("export AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret}"),
        format!("curl -H 'authorization: Bearer {id}.{secret}' "),
        "account 123456789012; its scope is `admin`; it never ends by itself".to_owned(),
    ] {
        assert!(said.contains(&line), "{said}");
    }
    let found = database.store.access_key(&id).await.unwrap().unwrap();
    assert_eq!((found.secret.reveal(), found.scope), (secret.as_str(), Scope::Admin));

    for format in ["text", "json"] {
        let listed = stdout(&keys(&database, &["list", "--format", format]));
        assert!(listed.contains(&id) && listed.contains("from a test"), "{listed}");
        assert!(!listed.contains(&secret), "{listed}");
    }
    assert!(!stderr(&made).contains(&secret));
}

#[tokio::test]
async fn a_script_makes_lists_and_revokes_keys() {
    let database = Database::private().await;
    let arguments = ["create", "--format", "json", "--account", "210987654321"];
    let arguments = [&arguments[..], &["--scope", "run", "--expires", "90d"]].concat();
    let made = json(&keys(&database, &arguments));
    let id = made["id"].as_str().unwrap();
    let bearer = format!("{id}.{}", made["secret"].as_str().unwrap());
    assert_eq!(made["bearer"], bearer.as_str());
    assert_eq!((&made["account"], &made["scope"]), (&"210987654321".into(), &"run".into()));
    let found = database.store.access_key(id).await.unwrap().unwrap();
    let days = |at: &Value| at.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((days(&made["expires_at"]) - days(&made["created_at"])).num_days(), 90);
    assert_eq!(found.expires_at.unwrap().timestamp(), days(&made["expires_at"]).timestamp());

    let list =
        |account: &str| json(&keys(&database, &["list", "--format", "json", "--account", account]));
    assert_eq!(list("123456789012"), Value::Array(vec![]));
    assert_eq!(list("210987654321")[0]["is_good"], true);
    let revoked = keys(&database, &["revoke", id]);
    assert_eq!((revoked.status.code(), stdout(&revoked)), (Some(0), format!("revoked `{id}`\n")));
    assert_eq!(list("210987654321")[0]["is_good"], false);
    assert!(database.store.access_key(id).await.unwrap().unwrap().revoked_at.is_some());
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_exits_with_1_or_2() {
    let database = Database::private().await;
    let cases: [(&[&str], i32, &str); 7] = [
        (&["revoke", "SWKAAAAAAAAAAAAAAAAA"], 1, "there is no access key `SWKAAAAAAAAAAAAAAAAA`"),
        (&["create", "--account", "12"], 1, "`account` is `12`, expected twelve digits"),
        (&["create", "--expires", "soon"], 1, "`--expires` is `soon`, expected a time from now"),
        (&["create", "--expires", "2020-01-01T00:00:00Z"], 1, "or a later time such as"),
        (&["create", "--scope", "all"], 2, "expected `read`, `run` or `admin`"),
        (&["list", "--account", "x"], 1, "expected twelve digits"),
        (&["nonsense"], 2, "unrecognized subcommand"),
    ];
    for (arguments, code, said) in cases {
        let output = keys(&database, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
    assert!(!database.store.access_keys_there().await.unwrap().good, "nothing was made");
    let nowhere = run(&["keys", "list"]);
    assert_eq!(nowhere.status.code(), Some(1));
    let said = stderr(&nowhere);
    assert!(said.contains("`DATABASE_URL`") && said.contains("`--data-dir`"), "{said}");
}

#[tokio::test]
async fn listing_and_revoking_need_no_sealing_key_and_making_one_does() {
    let database = Database::private().await;
    let id = json(&keys(&database, &["create", "--format", "json"]))["id"].clone();
    let without = |arguments: &[&str]| {
        let mut command = statewright(&["keys"]);
        command.args(arguments).env("DATABASE_URL", &database.url);
        command.env_remove("STATEWRIGHT_SEALING_KEY").output().unwrap()
    };
    assert_eq!(without(&["list"]).status.code(), Some(0));
    assert_eq!(without(&["revoke", id.as_str().unwrap()]).status.code(), Some(0));
    let refused = without(&["create"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("there is no sealing key"), "{}", stderr(&refused));
}

#[tokio::test]
async fn a_database_without_our_tables_is_told_from_one_with_them() {
    let cluster = tests::database::private_cluster().await;
    let url = cluster.database("empty").await.unwrap();
    for arguments in [["keys", "create"], ["keys", "list"]] {
        let output = statewright(&arguments).env("DATABASE_URL", &url).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("run `statewright migrate`"), "{}", stderr(&output));
    }
    cluster.stop().await;
}

#[tokio::test]
async fn the_database_of_dev_has_keys_whether_it_runs_or_not() {
    let folder = Folder::new();
    let data = folder.path("data");
    let keys = |arguments: &[&str]| {
        let mut command = statewright(&["keys", "--data-dir", &data]);
        // The one of production has nothing to do with it.
        command.args(arguments).env("DATABASE_URL", "postgres://127.0.0.1:1/production");
        command.output().unwrap()
    };
    let missing = keys(&["list"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("there is no data of `statewright dev`"));
    assert!(!std::path::Path::new(&data).exists());

    let dev = Dev::start(&folder, &[]);
    let made = json(&keys(&["create", "--format", "json"]));
    assert!(dev.get("/v1/functions").await["functions"].is_array(), "it goes on");
    assert_eq!(dev.interrupt(), Some(0));
    let listed = json(&keys(&["list", "--format", "json"]));
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(keys(&["revoke", made["id"].as_str().unwrap()]).status.code(), Some(0));
    let dev = Dev::start(&folder, &[]);
    let listed = json(&keys(&["list", "--format", "json"]));
    assert_eq!(listed[0]["is_good"], false);
    assert_eq!(dev.interrupt(), Some(0));
}
