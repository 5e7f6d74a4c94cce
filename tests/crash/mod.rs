//! Real faults: the real binary and a real Postgres under load, both killed at random, nodes that stand
//! still, and lines between them that are cut.
//! Afterwards every acknowledged execution is there, ended once, with one linear history and
//! each outcome applied once.

mod audit;
mod holders;
mod load;
mod schedules;

use std::time::Duration;

use tests::database::Durable;
use tests::relay::{Mode, Relay};
use tests::server::{Server, ServerOptions, free_address};
use tests::signing::Key;
use tests::wire::Client;

use load::Load;
use schedules::Wishes;

/// Kills in an ordinary run; `CRASH_KILLS` asks for more.
const KILLS: usize = 24;
/// Executions that must be acknowledged between two kills.
const BETWEEN: usize = 15;

/// The access key that everybody comes in with; it is in the nodes' configuration.
const KEY: (&str, &str) = ("crash-test", "known-to-nodes-and-clients");

/// The nodes' leases, and how long the database stays away when nobody's is to outlast it.
const LEASE: Duration = Duration::from_secs(2);

/// Who is killed, in turn: each node alone, the database alone, for a moment or so long that every
/// lease runs out, and everything at once.
#[derive(Clone, Copy, Debug)]
enum Victim {
    FirstNode,
    SecondNode,
    /// The second node is told to stop and comes back, while it calls.
    SecondNodeStops,
    /// The first node stands still for longer than its lease.
    FirstNodeFreezes,
    /// Nothing goes from node to node but through the database.
    Lines,
    /// What one node asks of the other is heard, and not answered.
    AnswersOfLines,
    Database,
    DatabaseForLong,
    Everything,
}

const VICTIMS: [Victim; 10] = [
    Victim::FirstNode,
    Victim::SecondNodeStops,
    Victim::AnswersOfLines,
    Victim::Database,
    Victim::SecondNode,
    Victim::FirstNodeFreezes,
    Victim::FirstNode,
    Victim::Everything,
    Victim::Lines,
    Victim::DatabaseForLong,
];

/// Two nodes on one database.
struct Nodes {
    url: String,
    addresses: [std::net::SocketAddr; 2],
    servers: [Option<Server>; 2],
    /// What stands before the port at which each listens for the other.
    relays: [Relay; 2],
}

impl Nodes {
    async fn start(url: String) -> Self {
        let one = free_address().expect("a port");
        let mut other = one;
        while other == one {
            other = free_address().expect("a port");
        }
        let addresses = [one, other];
        let relays = [Relay::start().await, Relay::start().await];
        let mut nodes = Self { url, addresses, servers: [None, None], relays };
        nodes.restart(0);
        nodes.restart(1);
        nodes
    }

    fn kill(&mut self, index: usize) {
        if let Some(server) = self.servers[index].take() {
            server.kill().expect("a process of ours can be killed");
        }
    }

    fn stop(&mut self, index: usize) {
        if let Some(server) = self.servers[index].take() {
            let status = server.stop().expect("it stops when asked");
            assert!(status.success(), "{status}");
        }
    }

    /// Stands still for longer than its lease.
    async fn freeze(&self, index: usize) {
        let Some(server) = &self.servers[index] else { return };
        server.freeze().expect("a process of ours can be stopped");
        tokio::time::sleep(LEASE + Duration::from_secs(1)).await;
        server.thaw().expect("it can go on");
    }

    fn set_lines(&self, mode: Mode) {
        for relay in &self.relays {
            relay.set(mode);
        }
    }

    fn restart(&mut self, index: usize) {
        let options = ServerOptions {
            args: Vec::new(),
            env: vec![
                ("STATEWRIGHT_LEASE_SECONDS".to_owned(), LEASE.as_secs().to_string()),
                ("STATEWRIGHT_LOG_LEVEL".to_owned(), "info".to_owned()),
                ("STATEWRIGHT_NODES_LISTEN".to_owned(), self.relays[index].behind()),
                ("STATEWRIGHT_NODES_ADDRESS".to_owned(), self.relays[index].address()),
                ("STATEWRIGHT_ACCESS_KEYS".to_owned(), format!("{}:{}", KEY.0, KEY.1)),
            ],
            ..ServerOptions::default()
        };
        for _ in 0..100 {
            let started = Server::start_at(&self.url, self.addresses[index], &options);
            self.servers[index] = started.expect("the server starts again on its port");
            if self.servers[index].is_some() {
                return;
            }
            // While it was dead, another process has taken its port.
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("its port stays in use");
    }

    /// Clients of both, with the key.
    fn clients(&self) -> [Client; 2] {
        let key = Key::new(KEY.0, KEY.1);
        self.addresses.map(|address| Client::new(format!("http://{address}")).with_key(key.clone()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_whatever_is_killed() {
    let kills = std::env::var("CRASH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let mut database = Durable::start().await;
    let mut nodes = Nodes::start(database.url().to_owned()).await;
    let load = Load::start(nodes.clients()).await;
    let wishes = Wishes::start(nodes.clients()).await;
    for round in 0..kills {
        load.wait_for_more(BETWEEN).await;
        let victim = VICTIMS[round % VICTIMS.len()];
        match victim {
            Victim::FirstNode => nodes.kill(0),
            Victim::SecondNode => nodes.kill(1),
            Victim::SecondNodeStops => nodes.stop(1),
            Victim::FirstNodeFreezes => nodes.freeze(0).await,
            Victim::Lines | Victim::AnswersOfLines => {
                let mode =
                    if matches!(victim, Victim::Lines) { Mode::Refuse } else { Mode::CutAnswers };
                nodes.set_lines(mode);
                load.wait_for_more(BETWEEN).await;
                nodes.set_lines(Mode::Pass);
            }
            Victim::Database => database.kill().await,
            Victim::DatabaseForLong => {
                database.kill().await;
                tokio::time::sleep(LEASE).await;
            }
            Victim::Everything => {
                nodes.kill(0);
                nodes.kill(1);
                database.kill().await;
            }
        }
        if matches!(victim, Victim::Database | Victim::DatabaseForLong | Victim::Everything) {
            database.start_again().await;
        }
        for index in 0..2 {
            if nodes.servers[index].is_none() {
                nodes.restart(index);
            }
        }
    }
    load.wait_for_more(BETWEEN).await;
    let (acknowledged, hands) = load.stop().await;
    let [first, _] = nodes.clients();
    let audit = audit::Audit::new(first.clone(), database.url());
    audit.wait_until_all_ended(Duration::from_mins(2)).await;
    audit.check(&acknowledged).await;
    audit.check_nothing_is_set_aside();
    wishes.check(&first).await;
    hands.check();
    drop(hands);
    println!("{kills} kills, {} acknowledged executions, all there", acknowledged.len());
}
