//! The private Postgres: found again, never left behind.

use store::{Cluster, ClusterError, ClusterOptions, Store};
use uuid::Uuid;

fn options() -> ClusterOptions {
    let name = format!("statewright-cluster-{}", Uuid::new_v4());
    let mut options = ClusterOptions::new(std::env::temp_dir().join(name)).for_tests();
    options.temporary = false;
    options
}

#[tokio::test]
async fn data_outlives_a_stop_and_a_kill() {
    let mut options = options();
    let cluster = Cluster::start(options.clone()).await.unwrap();
    let url = cluster.database("mine").await.unwrap();
    Store::connect(&url, 1).await.unwrap().migrate().await.unwrap();
    cluster.stop().await;

    options.temporary = true;
    let mut cluster = Cluster::start(options.clone()).await.unwrap();
    cluster.kill_nine().await;
    assert!(Store::connect(&url, 1).await.unwrap_err().is_unavailable());
    cluster.start_again().await.unwrap();
    let store = Store::connect(&cluster.database("mine").await.unwrap(), 1).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.state_machines("000000000000", None, 1).await.unwrap(), []);
    cluster.stop().await;
    assert!(!options.data_dir.exists(), "a temporary one is removed");
}

#[tokio::test]
async fn a_directory_has_one_user_at_a_time() {
    let mut options = options();
    options.temporary = true;
    let cluster = Cluster::start(options.clone()).await.unwrap();
    let second = Cluster::start(options).await;
    assert!(matches!(second, Err(ClusterError::InUse(_))), "{second:?}");
    cluster.stop().await;
}

#[tokio::test]
async fn a_long_path_and_odd_characters_are_no_obstacle() {
    let mut options = options();
    options.temporary = true;
    let outer = options.data_dir.clone();
    options.data_dir = outer.join("a b&c%20+").join("long".repeat(20));
    let cluster = Cluster::start(options).await.unwrap();
    let store = Store::connect(&cluster.url(), 1).await.unwrap();
    store.ping().await.unwrap();
    cluster.stop().await;
    std::fs::remove_dir_all(outer).unwrap();
}

#[tokio::test]
async fn data_of_another_version_is_left_alone() {
    let options = options();
    Cluster::start(options.clone()).await.unwrap().stop().await;
    let version = options.data_dir.join("data/PG_VERSION");
    std::fs::write(version, "9\n").unwrap();
    let error = Cluster::start(options.clone()).await.unwrap_err();
    assert!(error.to_string().contains("was made by Postgres 9"), "{error}");
    std::fs::remove_dir_all(&options.data_dir).unwrap();
}
