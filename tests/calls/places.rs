//! How many calls are under way at once, and who waits for whom.

use std::sync::Arc;

use runtime::perform::Progress;
use tokio::sync::Semaphore;

use super::caller::{Caller, Running, by_arn, of_resource};
use super::peer::{Answer, Peer, ok};

/// A server that answers only when it is given leave.
async fn slow() -> (Peer, Arc<Semaphore>) {
    let leave = Arc::new(Semaphore::new(0));
    let own = leave.clone();
    (Peer::always(move || Answer::Held(own.clone())).await, leave)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_called_no_more_often_at_once_than_it_allows() {
    let (peer, leave) = slow().await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |function| function.max_concurrency = Some(2)).await;
    let first = [caller.spawn(by_arn("f", "1")), caller.spawn(by_arn("f", "2"))];
    peer.until_called(2).await;
    let mut third = caller.spawn(by_arn("f", "3"));
    assert_eq!(third.next().await, Some(Progress::Queued));
    assert_eq!(peer.received().len(), 2);
    leave.add_permits(1);
    assert_eq!(third.next().await, Some(Progress::Began));
    peer.until_called(3).await;
    leave.add_permits(2);
    assert_eq!(third.next().await, None, "queued once");
    assert_eq!(third.end().await, "null");
    for mut call in first {
        assert_eq!(call.next().await, None, "these began at once");
        assert_eq!(call.end().await, "null");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_a_slow_function_hold_up_no_other() {
    let (peer, _leave) = slow().await;
    let other = Peer::always(|| ok("1")).await;
    let caller = Caller::with(|options| options.concurrency = 2).await;
    caller.register("slow", &peer.url, |function| function.max_concurrency = Some(1)).await;
    caller.register("f", &other.url, |_| {}).await;
    let _one = caller.spawn(by_arn("slow", "{}"));
    peer.until_called(1).await;
    let mut waiting: Vec<Running> = (0..5).map(|_| caller.spawn(by_arn("slow", "{}"))).collect();
    for call in &mut waiting {
        assert_eq!(call.next().await, Some(Progress::Queued));
    }
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_function_without_a_bound_of_its_own_holds_up_no_other() {
    let (peer, _leave) = slow().await;
    let other = Peer::always(|| ok("1")).await;
    let caller = Caller::with(|options| options.concurrency = 4).await;
    caller.register("slow", &peer.url, |_| {}).await;
    caller.register("greedy", &peer.url, |function| function.max_concurrency = Some(99)).await;
    caller.register("f", &other.url, |_| {}).await;
    for (name, calls) in [("slow", 2), ("greedy", 4)] {
        let under_way: Vec<Running> = (0..2).map(|_| caller.spawn(by_arn(name, "{}"))).collect();
        peer.until_called(calls).await;
        let mut third = caller.spawn(by_arn(name, "{}"));
        assert_eq!(third.next().await, Some(Progress::Queued), "{name}");
        assert_eq!(caller.perform(&by_arn("f", "{}")).await, "1");
        // The one that waits first, so that it does not get a place that becomes free.
        for call in std::iter::once(third).chain(under_way) {
            call.outcome.abort();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_calls_together_are_bounded() {
    let (peer, leave) = slow().await;
    let caller = Caller::with(|options| options.concurrency = 2).await;
    let url = |path: &str| format!("{}/{path}", peer.url);
    let under_way =
        [caller.spawn(of_resource(&url("a"), "{}")), caller.spawn(of_resource(&url("b"), "{}"))];
    peer.until_called(2).await;
    let mut third = caller.spawn(of_resource(&url("c"), "{}"));
    assert_eq!(third.next().await, Some(Progress::Queued));
    leave.add_permits(3);
    assert_eq!(third.next().await, Some(Progress::Began));
    assert_eq!(third.end().await, "null");
    for call in under_way {
        assert_eq!(call.end().await, "null");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_given_up_frees_its_place() {
    let peer = Peer::start(|_, before| if before == 0 { Answer::Never } else { ok("1") }).await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |function| function.max_concurrency = Some(1)).await;
    let first = caller.spawn(by_arn("f", "{}"));
    peer.until_called(1).await;
    let mut queued_and_left = caller.spawn(by_arn("f", "{}"));
    assert_eq!(queued_and_left.next().await, Some(Progress::Queued));
    let mut second = caller.spawn(by_arn("f", "{}"));
    assert_eq!(second.next().await, Some(Progress::Queued));
    queued_and_left.outcome.abort();
    first.outcome.abort();
    assert_eq!(second.next().await, Some(Progress::Began));
    assert_eq!(second.end().await, "1");
    peer.until_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_begins_at_once_beside_two_hosts_that_hang() {
    let ((first, _one), (second, _two)) = (slow().await, slow().await);
    let other = Peer::always(|| ok("1")).await;
    let caller = Caller::with(|options| options.concurrency = 9).await;
    caller.register("first", &first.url, |_| {}).await;
    caller.register("second", &second.url, |_| {}).await;
    caller.register("f", &other.url, |_| {}).await;
    let mut under_way: Vec<Running> = Vec::new();
    for _ in 0..20 {
        under_way.push(caller.spawn(by_arn("first", "{}")));
        under_way.push(caller.spawn(by_arn("second", "{}")));
    }
    for _ in 0..5 {
        let mut call = caller.spawn(by_arn("f", "{}"));
        assert_eq!(call.next().await, None, "it begins at once");
        assert_eq!(call.end().await, "1");
    }
    let hanging = first.received().len() + second.received().len();
    assert!(hanging < 9, "{hanging}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_functions_all_hang_holds_up_no_other() {
    let (peer, _leave) = slow().await;
    let other = Peer::always(|| ok("1")).await;
    let caller = Caller::with(|options| options.concurrency = 32).await;
    let of_other_account = |url: &str| {
        let mut call = of_resource(url, "{}");
        call.account = "999999999999".to_owned();
        call
    };
    let _under_way: Vec<Running> =
        (0..100).map(|n| caller.spawn(of_resource(&format!("{}/{n}", peer.url), "{}"))).collect();
    peer.until_called(30).await;
    let mut call = caller.spawn(of_other_account(&other.url));
    assert_eq!(call.next().await, None, "it begins at once");
    assert_eq!(call.end().await, "1");
    assert_eq!(peer.received().len(), 30);
}
