//! What a node that stops leaves behind.

use std::sync::Arc;

use store::NewSchedule;

use super::super::{Fire, HOLD};
use super::*;
use crate::{Engine, EngineOptions, stage};

#[tokio::test]
async fn a_node_that_stops_lets_go_of_what_it_may_have_taken_hold_of() {
    let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
    let store = shared.store.clone();
    let options = EngineOptions::default();
    let engine = Engine::start(store.clone(), options, Arc::new(stage::Never)).await.unwrap();
    // It is only there to be started on; this test looks after schedules.
    engine.shutdown().await;
    let schedule = schedule("rate(1 hour)");
    let new = NewSchedule {
        id: schedule.id,
        account: schedule.account,
        group: schedule.group,
        name: schedule.name,
        settings: schedule.settings,
        client_token: None,
        created_at: schedule.created_at,
    };
    store.create_schedule(&new).await.unwrap();
    let now = moment(shared.now());
    let claim = async |holder| store.claim_schedules(holder, now, HOLD, 1).await.unwrap().pop();

    let claimed = claim(Uuid::new_v4()).await.expect("nobody has hold of it");
    shared.draining.cancel();
    let mut fire = Fire::new(engine, shared.clone());
    fire.in_doubt.push(claimed.holder);
    // It stops before it looks once more.
    shared.set_away(true, "a test");
    fire.run().await;
    assert!(claim(Uuid::new_v4()).await.is_some());
    cluster.stop().await;
}
