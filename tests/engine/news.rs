//! Who follows an execution is told when its log grows, on whichever node, and of no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime::Following;
use tests::database::Database;
use tests::relay::{Mode, Relay};

use super::node::{ACCOUNT, Node, Script};
use super::tokens::{CALLBACK, success};

/// Somebody who follows an execution at a node, and how often he was told.
struct Follower {
    following: Following,
    told: Arc<AtomicUsize>,
}

impl Follower {
    async fn of(node: &Node, name: &str) -> Self {
        let found = node.engine.store().describe(ACCOUNT, "m", name).await.unwrap().unwrap();
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let following = node.engine.follow(found.head.shard, found.head.id, move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        Self { following, told }
    }

    fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..3_000 {
            if is_so(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}: told {} times, {}", self.told(), self.following.is_told());
    }

    async fn until_told_by_somebody(&self) {
        self.until("somebody tells", |follower| follower.following.is_told()).await;
    }
}

/// Names of executions that begin, the first at the one node and the second at the other.
async fn begun(one: &Node, other: &Node) -> [String; 2] {
    let revision = one.create("m", CALLBACK).await;
    let name_at = |node: &Node| {
        let is_its = |name: &String| node.engine.owns(store::shard_of(ACCOUNT, "m", name));
        (0..10_000).map(|number| format!("n{number}")).find(is_its).unwrap()
    };
    let names = [name_at(one), name_at(other)];
    for name in &names {
        one.begin(revision, Some(name), "{}").await.unwrap();
        Node::token_of(&[one, other], name).await;
    }
    names
}

async fn end(one: &Node, other: &Node, name: &str) {
    let token = Node::token_of(&[one, other], name).await;
    one.engine.send_task(Some(ACCOUNT), &token, success("1")).await.unwrap();
    one.ended(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_told_of_what_he_follows_at_whichever_node_and_of_nothing_else() {
    let database = Database::private().await;
    let one = Node::start(&database, Script::Submit).await;
    let other = Node::start(&database, Script::Submit).await;
    one.until_shared(&other).await;
    let [here, there] = begun(&one, &other).await;
    let followers = [
        Follower::of(&one, &here).await,
        Follower::of(&one, &there).await,
        Follower::of(&other, &here).await,
        Follower::of(&other, &there).await,
    ];
    for follower in &followers {
        follower.until_told_by_somebody().await;
    }
    let its = [&followers[0], &followers[2]];
    let others = [&followers[1], &followers[3]];
    // What was said when telling began has been said by the time the next is.
    let counts = others.map(Follower::told);
    let ended = its.map(Follower::told);
    end(&one, &other, &here).await;
    for (follower, count) in its.into_iter().zip(ended) {
        follower.until("it ends", |follower| follower.told() > count).await;
    }
    // At most the word with which its telling began.
    for (follower, count) in others.into_iter().zip(counts) {
        assert!(follower.told() <= count + 1, "told of another");
    }
    one.engine.shutdown().await;
    other.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_told_again_when_the_execution_goes_to_another_node() {
    let database = Database::private().await;
    let one = Node::start(&database, Script::Submit).await;
    let other = Node::start(&database, Script::Submit).await;
    one.until_shared(&other).await;
    let [_, there] = begun(&one, &other).await;
    let follower = Follower::of(&one, &there).await;
    follower.until_told_by_somebody().await;
    let count = follower.told();
    other.engine.shutdown().await;
    follower.until("it has come here", |follower| follower.told() > count).await;
    follower.until_told_by_somebody().await;
    let count = follower.told();
    let token = Node::token_of(&[&one, &other], &there).await;
    for _ in 0..3_000 {
        // While it is taken over, that is said.
        if one.engine.send_task(Some(ACCOUNT), &token, success("1")).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    follower.until("it ends", |follower| follower.told() > count).await;
    one.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_whom_nobody_tells_knows_it_and_is_told_once_the_line_is_back() {
    let database = Database::private().await;
    let relay = Relay::start().await;
    let (listen, address) = (relay.behind(), relay.address());
    let one = Node::start(&database, Script::Submit).await;
    let other = Node::start_with(&database, Script::Submit, |options| {
        options.nodes.listen = Some(listen);
        options.nodes.address = Some(address);
    })
    .await;
    one.until_shared(&other).await;
    let [_, there] = begun(&one, &other).await;
    let follower = Follower::of(&one, &there).await;
    follower.until_told_by_somebody().await;
    relay.set(Mode::Refuse);
    follower.until("the line is cut", |follower| !follower.following.is_told()).await;
    end(&one, &other, &there).await;
    let count = follower.told();
    relay.set(Mode::Pass);
    follower.until("what came meanwhile", |follower| follower.told() > count).await;
    follower.until_told_by_somebody().await;
    one.engine.shutdown().await;
    other.engine.shutdown().await;
}
