//! The private Postgres: found again, never left behind.

use std::time::Duration;

use store::{Cluster, ClusterError, ClusterOptions, Store};
use tests::database::connect;
use tests::psql::{Session, psql};
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
    connect(&url, 1).await.migrate().await.unwrap();
    cluster.stop().await;

    options.temporary = true;
    let mut cluster = Cluster::start(options.clone()).await.unwrap();
    cluster.kill_nine().await;
    assert!(Store::connect(&url, 1).await.unwrap_err().is_unavailable());
    cluster.start_again().await.unwrap();
    let store = connect(&cluster.database("mine").await.unwrap(), 1).await;
    store.migrate().await.unwrap();
    assert_eq!(store.state_machines("000000000000", None, 1).await.unwrap(), []);
    cluster.stop().await;
    assert!(!options.data_dir.exists(), "a temporary one is removed");
}

#[tokio::test]
async fn a_kill_leaves_no_session_at_work() {
    let mut options = options();
    options.temporary = true;
    let mut cluster = Cluster::start(options.clone()).await.unwrap();
    let url = cluster.url();
    let mut session = Session::start(&url);
    // It computes and looks at nothing meanwhile, for longer than this test lasts.
    session.send("SELECT count(*) FROM generate_series(1, 1000000000) AS busy;");
    let busy = "SELECT pid FROM pg_stat_activity
                WHERE query LIKE 'SELECT count%AS busy%'";
    let mut pid = String::new();
    while pid.is_empty() {
        pid = psql(&url, busy).unwrap();
    }
    cluster.kill_nine().await;
    // It has ended, whether its parent knows yet or not.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    if stat.is_ok_and(|stat| !stat.contains(") Z")) {
        std::process::Command::new("kill").args(["-s", "KILL", &pid]).status().unwrap();
        panic!("session {pid} goes on");
    }
    cluster.stop().await;
    assert!(!options.data_dir.exists(), "a temporary one is removed");
}

/// The numbers of a process's parent and children, by what the system tells.
fn family(pid: &str) -> (String, Vec<String>) {
    let parent_of = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1).map(str::to_owned)
    };
    let all = std::fs::read_dir("/proc").unwrap();
    let mut children: Vec<String> =
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    children.retain(|child| parent_of(child).as_deref() == Some(pid));
    (parent_of(pid).unwrap(), children)
}

#[tokio::test]
async fn a_server_that_is_about_to_end_is_not_adopted() {
    let options = options();
    let cluster = Cluster::start(options.clone()).await.unwrap();
    let pid_file = options.data_dir.join("data/postmaster.pid");
    let server_pid = || {
        let lines = std::fs::read_to_string(&pid_file).unwrap();
        lines.lines().next().unwrap().to_owned()
    };
    let server = server_pid();
    let (shell, _) = family(&server);
    let (_, mut watching) = family(&shell);
    watching.retain(|pid| *pid != server);
    let signal = |name| {
        let kill = std::process::Command::new("kill").args(["-s", name]).args(&watching).status();
        assert!(kill.unwrap().success());
    };
    // The process is killed, and whoever is to end its server takes a while to see that.
    signal("STOP");
    drop(cluster);
    let goes_on = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        signal("CONT");
    };
    let (next, ()) = tokio::join!(Cluster::start(options.clone()), goes_on);
    assert_ne!(server_pid(), server);
    next.unwrap().stop().await;
    std::fs::remove_dir_all(options.data_dir).unwrap();
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
    let store = connect(&cluster.url(), 1).await;
    store.ping().await.unwrap();
    cluster.stop().await;
    std::fs::remove_dir_all(outer).unwrap();
}

#[tokio::test]
async fn a_directory_of_somebody_else_is_left_alone() {
    // Whoever runs this, Postgres does not run as its owner.
    let data_dir = std::path::PathBuf::from("/proc");
    let error = Cluster::start(ClusterOptions { data_dir, ..options() }).await.unwrap_err();
    assert!(matches!(error, ClusterError::NotOwned { .. }), "{error}");
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
