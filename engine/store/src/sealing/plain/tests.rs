//! A database of the release before: its secrets are sealed, still work, and are nowhere plain.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::chapters::MIGRATOR;
use crate::{Cluster, ClusterOptions, SealingError, SealingKeys, Store};

/// The last migration of the release that stored secrets plain.
const BEFORE: i64 = 9;
const SECRET: &str = "hunter2-f00d";
/// More than fit into one batch.
const FUNCTIONS: i64 = 450;

/// A database as the release before left it.
async fn before(name: &str) -> (Cluster, Store) {
    let name = format!("statewright-{name}-{}", Uuid::new_v4());
    let options = ClusterOptions::new(std::env::temp_dir().join(name)).for_tests();
    let cluster = Cluster::start(options).await.unwrap();
    let patience = Duration::from_secs(30);
    let store = Store::connect_patiently(&cluster.url(), 4, patience).await.unwrap();
    MIGRATOR.run_to(BEFORE, &store.pool).await.unwrap();
    sqlx::query(
        "INSERT INTO functions (account, name, url, protocol, headers, delivery, created_at, updated_at)
         SELECT '123456789012', 'f' || number, 'http://host/f?key=' || $1, 'http',
             json_build_object('Authorization', $1 || number)::text, 'at-least-once', now(), now()
         FROM generate_series(1, $2) AS number",
    )
    .bind(SECRET)
    .bind(FUNCTIONS)
    .execute(&store.pool)
    .await
    .unwrap();
    sqlx::query("INSERT INTO secrets (name, value) VALUES ('task tokens', $1)")
        .bind(SECRET.as_bytes())
        .execute(&store.pool)
        .await
        .unwrap();
    (cluster, store)
}

/// The tables in which this text is, as a dump would show them.
async fn tables_with(store: &Store, text: &str) -> Vec<String> {
    let tables = sqlx::query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
    );
    let hexadecimal = super::super::hexadecimal(text.as_bytes());
    let mut found = Vec::new();
    for table in tables.fetch_all(&store.pool).await.unwrap() {
        let table: String = table.try_get(0).unwrap();
        let rows = format!(
            "SELECT count(*) FROM {table} AS it
             WHERE strpos(it::text, $1) > 0 OR strpos(it::text, $2) > 0"
        );
        let rows = sqlx::query(AssertSqlSafe(rows)).bind(text).bind(&hexadecimal);
        if rows.fetch_one(&store.pool).await.unwrap().try_get::<i64, _>(0).unwrap() > 0 {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn what_the_release_before_stored_plain_is_sealed_by_several_nodes_at_once_and_still_works() {
    let (cluster, store) = before("plain").await;
    assert_eq!(tables_with(&store, SECRET).await, ["functions", "secrets"], "the search finds");

    let keys = SealingKeys::random();
    let nodes = [(); 3].map(|()| store.clone().sealed_with(keys.clone()));
    let [one, two, three] = &nodes;
    let done = tokio::join!(one.migrate(), two.migrate(), three.migrate());
    assert!(done.0.is_ok() && done.1.is_ok() && done.2.is_ok(), "{done:?}");

    assert_eq!(tables_with(&store, SECRET).await, [""; 0]);
    let function = one.function("123456789012", "f450").await.unwrap().unwrap();
    assert_eq!(function.url, format!("http://host/f?key={SECRET}"));
    assert_eq!(function.headers["Authorization"].reveal(), format!("{SECRET}450"));
    assert_eq!(one.functions("123456789012", None, 1000).await.unwrap().len(), 450);
    assert_eq!(one.secret("task tokens", b"another").await.unwrap(), SECRET.as_bytes());
    let shown = sqlx::query("SELECT DISTINCT url FROM functions").fetch_all(&store.pool).await;
    let shown: Vec<String> = shown.unwrap().iter().map(|row| row.get("url")).collect();
    assert_eq!(shown, ["http://host/f?***"], "what a person sees in the table");
    cluster.stop().await;
}

#[tokio::test]
async fn the_release_before_neither_reads_nor_writes_beside_the_seal() {
    let (cluster, store) = before("fenced").await;
    store.clone().sealed_with(SealingKeys::random()).migrate().await.unwrap();
    for statement in ["SELECT headers FROM functions", "SELECT value FROM secrets"] {
        assert!(sqlx::query(statement).execute(&store.pool).await.is_err(), "{statement}");
    }
    let put = sqlx::query(
        "INSERT INTO functions (account, name, url, protocol, delivery, created_at, updated_at)
         VALUES ('1', 'f', 'http://host', 'http', 'at-least-once', now(), now())",
    );
    assert!(put.execute(&store.pool).await.is_err(), "a function that is neither sealed nor plain");
    cluster.stop().await;
}

#[tokio::test]
async fn a_node_that_leaves_the_schema_alone_says_that_secrets_are_still_plain() {
    let (cluster, store) = before("still").await;
    MIGRATOR.run(&store.pool).await.unwrap();
    let node = store.clone().sealed_with(SealingKeys::random());
    let refused = node.unlock().await.unwrap_err();
    assert_eq!(refused.sealing(), Some(&SealingError::StillPlain));
    node.migrate().await.unwrap();
    node.unlock().await.unwrap();
    cluster.stop().await;
}
