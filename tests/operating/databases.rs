//! Databases that cannot be used, or only with care: what is wrong, and what to do about it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use store::{Cluster, ClusterOptions};
use tests::database::{Database, Durable, SEALING_KEY};
use tests::psql::psql;
use tests::server::{free_address, server_path};
use uuid::Uuid;

use super::{lines, serve, until, warnings};

/// What the program says on this database before it gives up.
fn refused(arguments: &[&str], url: &str) -> String {
    let output = Command::new(server_path().unwrap())
        .args(arguments)
        .env("DATABASE_URL", url)
        .env("STATEWRIGHT_DATABASE_WAIT_SECONDS", "0")
        .env("STATEWRIGHT_LISTEN", "127.0.0.1:0")
        .env("STATEWRIGHT_SEALING_KEY", SEALING_KEY)
        .env_remove("STATEWRIGHT_DATABASE_URL")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// Said once, and in these words.
fn check(said: &str, words: &str) {
    assert_eq!(said.matches(words).count(), 1, "`{words}` in:\n{said}");
    for noise in ["relation", "error returned from database", "sqlx", "migration 13 was"] {
        assert!(!said.contains(noise), "`{noise}` in:\n{said}");
    }
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_another_release_is_refused_with_what_to_do() {
    const LEAVE: [&str; 2] = ["serve", "--no-migrate"];
    let database = Database::private().await;
    let alter = |sql: &str| psql(&database.url, sql).unwrap();
    let latest: i64 = alter("SELECT max(version) FROM _sqlx_migrations").parse().unwrap();
    let later = latest + 1;
    alter(&format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES ({later}, 'more', true, '', 0);
         UPDATE schema_support SET oldest = {later}"
    ));
    let words = format!(
        "its schema is a later release's, which takes a program that knows migration {later} (this one \
         knows {latest}): run that release or a later one, or restore the backup that was made before"
    );
    for arguments in [&LEAVE[..], &["serve"], &["migrate"]] {
        check(&refused(arguments, &database.url), &words);
    }

    alter(&format!("DELETE FROM _sqlx_migrations WHERE version >= {latest}"));
    let words = format!(
        "its schema is an earlier release's (migration {}, this release needs {latest}): run \
         `statewright migrate`, or `serve` without `--no-migrate`",
        latest - 1
    );
    check(&refused(&LEAVE, &database.url), &words);

    alter("UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = 3");
    let words = "migration 3 is not the one that was run there: the database was made by another \
                 build; run that one, or use another database";
    check(&refused(&["migrate"], &database.url), words);

    alter("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    let words =
        "it has no schema yet: run `statewright migrate`, or `serve` without `--no-migrate`";
    check(&refused(&LEAVE, &database.url), words);
}

/// A Postgres with a role `me` that needs a password.
async fn guarded() -> (Cluster, PathBuf) {
    let folder = std::env::temp_dir().join(format!("statewright-guarded-{}", Uuid::new_v4()));
    let cluster = Cluster::start(ClusterOptions::new(&folder).for_tests()).await.unwrap();
    let rules = "local all me scram-sha-256\nlocal all all trust\n";
    fs::write(folder.join("data/pg_hba.conf"), rules).unwrap();
    psql(&cluster.url(), "CREATE ROLE me LOGIN PASSWORD 'right'; SELECT pg_reload_conf()").unwrap();
    (cluster, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lets_nobody_in_is_told_in_words_that_say_what_to_correct() {
    let (cluster, _folder) = guarded().await;
    let as_user = |user: &str| cluster.url().replace("postgres@", &format!("{user}@"));
    let said = refused(&["serve"], &as_user("me:hush-hush"));
    let words = "the password of the user `me` is refused: correct user and password in the URL";
    check(&said, words);
    assert!(!said.contains("hush-hush"), "{said}");
    let words = "the user `nobody_here` is not let in (role \"nobody_here\" does not exist): create \
                 the role, or allow it in `pg_hba.conf`";
    check(&refused(&["serve"], &as_user("nobody_here")), words);
    let words = "there is no database `nowhere`: create it (`createdb nowhere`), or correct its \
                 name in the URL";
    let url = cluster.url().replace("/postgres?", "/nowhere?");
    check(&refused(&["migrate"], &url), words);
    cluster.stop().await;
}

#[test]
fn a_database_that_is_not_there_is_told_by_where_it_was_looked_for() {
    let words = "the host `nowhere..invalid` is not known: correct it in the URL, or have the name \
                 service know it";
    check(&refused(&["serve"], "postgres://me@nowhere..invalid/x"), words);
    let address = free_address().unwrap();
    let words = format!(
        "nothing listens at `{address}`: start Postgres there, or correct host and port in the URL"
    );
    check(&refused(&["migrate"], &format!("postgres://me@{address}/x")), &words);
}

#[test]
fn another_kind_of_database_is_refused_by_its_url() {
    for (url, shown) in [
        ("mysql://me:hush-hush@db/x", "mysql://me@db/x"),
        ("sqlite://x", "sqlite://x"),
        ("host=db password=hush-hush", "…"),
    ] {
        let words = format!(
            "the URL of the database is `{shown}`, expected `postgres://USER:PASSWORD@HOST/NAME`"
        );
        for command in ["serve", "migrate"] {
            let said = refused(&[command], url);
            check(&said, &words);
            assert!(!said.contains("hush-hush"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_lose_commits_is_warned_of_at_the_start_and_as_long_as_it_does() {
    // What the tests' databases have off, since nobody needs what is in them.
    let database = Database::private().await;
    let (server, client) = serve(&database.url, &[]).await;
    let warning = "the database runs with `fsync`, `full_page_writes` off: a crash can lose what \
                   has been acknowledged; set it on";
    assert_eq!(lines(&server, warning), 1);
    assert_eq!(warnings(&client).await, [warning]);

    let database = Durable::start().await;
    let (server, client) = serve(database.url(), &[]).await;
    assert_eq!((lines(&server, "WARN"), warnings(&client).await.len()), (0, 0));
    let set = |word: &str| {
        let sql = format!("ALTER SYSTEM SET synchronous_commit = {word}");
        psql(database.url(), &sql).unwrap();
        psql(database.url(), "SELECT pg_reload_conf()").unwrap();
    };
    set("off");
    until("it is warned of", async || {
        warnings(&client).await.iter().any(|it| it.contains("`synchronous_commit` off"))
    })
    .await;
    set("on");
    until("it is well", async || warnings(&client).await.is_empty()).await;
}
