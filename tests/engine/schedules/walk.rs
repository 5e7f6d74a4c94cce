//! A random walk: two nodes, schedules of every policy, clocks that jump, a Postgres that is
//! away, nodes that die with work in their hands, users who change their minds. At the end each
//! due time is accounted for once, and what has started has started one execution.
//!
//! `SCHEDULE_SEEDS=100 cargo test -p tests walk` takes more walks, `SCHEDULE_SEED=7` the seventh.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use machine::Random;
use runtime::Clock;
use store::{
    BackfillAsked, CatchUp, DEFAULT_GROUP, Firing, FiringKind, FiringState, NewBackfill, Overlap,
    RunAsked, Schedule, ScheduleSettings, ScheduleState, Store, Wording,
};
use tests::database::Database;
use uuid::Uuid;

use super::super::proxy::{Mode, Proxy};
use super::{ACCOUNT, PASS, Script, World};

const SEEDS: u64 = 2;
const STEPS: usize = 30;
const MINUTE_MS: i64 = 60_000;
const INPUT: &str = r#"{"due": "<aws.scheduler.scheduled-time>"}"#;

/// When a schedule is due between two instants, the second included.
struct Span {
    after: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    anchor: DateTime<Utc>,
    period: TimeDelta,
}

impl Span {
    fn due(&self, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let until = self.until.unwrap_or(until);
        let due = (0..).map(|periods| self.anchor + self.period * periods);
        due.skip_while(|due| *due <= self.after).take_while(|due| *due <= until).collect()
    }
}

/// What is known of a schedule without looking into its log.
struct Tracked {
    id: Uuid,
    name: String,
    settings: ScheduleSettings,
    spans: Vec<Span>,
    /// From when to when it was paused.
    pauses: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    paused_at: Option<DateTime<Utc>>,
    wishes: Vec<Uuid>,
    /// And how many due times they have.
    backfills: Vec<(Uuid, usize)>,
}

impl Tracked {
    fn key(&self) -> (&str, &str, &str) {
        (ACCOUNT, DEFAULT_GROUP, &self.name)
    }

    fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }
}

/// A node, and what lies between it and its database.
struct Placed {
    world: World,
    proxy: Proxy,
}

struct Walk {
    database: Database,
    nodes: Vec<Placed>,
    clock: Clock,
    ahead_ms: i64,
    random: Random,
    /// Of the machine that is started.
    revision: Uuid,
    tracked: Vec<Tracked>,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_each_due_time_is_accounted_for_once() {
    let first = number("SCHEDULE_SEED");
    let count = if first.is_some() { 1 } else { number("SCHEDULE_SEEDS").unwrap_or(SEEDS) };
    for seed in (first.unwrap_or(1)..).take(usize::try_from(count).unwrap()) {
        println!("seed {seed}");
        let mut walk = Walk::begin(seed).await;
        for _ in 0..STEPS {
            walk.step().await;
        }
        walk.end().await;
    }
}

impl Walk {
    async fn begin(seed: u64) -> Self {
        let database = Database::private().await;
        let clock = Clock::default();
        let nodes = vec![place(&database.url, &clock).await, place(&database.url, &clock).await];
        let revision = nodes[0].world.node.create("m", PASS).await;
        let random = Random::seeded(seed);
        let mut walk =
            Self { database, nodes, clock, ahead_ms: 0, random, revision, tracked: Vec::new() };
        for number in 0..5 {
            walk.create(number).await;
        }
        walk
    }

    fn store(&self) -> &Store {
        &self.database.store
    }

    fn now(&self) -> DateTime<Utc> {
        self.nodes[0].world.now()
    }

    fn up_to(&mut self, most: u64) -> usize {
        usize::try_from(self.random.up_to(most)).unwrap()
    }

    fn minutes(&mut self, most: u64) -> i64 {
        i64::try_from(1 + self.random.up_to(most - 1)).unwrap()
    }

    /// A schedule that is due every hour; the first one of them misses nothing, ever.
    async fn create(&mut self, number: usize) {
        let overlaps = [Overlap::Allow, Overlap::Skip, Overlap::QueueOne, Overlap::CancelPrevious];
        let policies = [CatchUp::All, CatchUp::One, CatchUp::Skip];
        let overlap = overlaps[number % overlaps.len()];
        let catch_up = if number == 0 { CatchUp::All } else { policies[self.up_to(2)] };
        let window = (number > 0 && self.up_to(1) == 0).then_some(4);
        let name = format!("s{number}");
        let mut settings = None;
        let id = self.nodes[0]
            .world
            .create(&name, |new| {
                new.overlap = overlap;
                new.catch_up = catch_up;
                new.catch_up_seconds = 30 * 86_400;
                // Many hours pass on this clock while a hold that nobody gave back runs out.
                new.max_event_age_seconds = 30 * 86_400;
                new.window_minutes = window;
                new.input = Some(INPUT.to_owned());
                settings = Some(new.clone());
            })
            .await;
        let made = self.schedule(&name).await;
        let span = Span {
            after: made.decided_until.min(made.created_at),
            until: None,
            anchor: made.anchor,
            period: TimeDelta::hours(1),
        };
        self.tracked.push(Tracked {
            id,
            name,
            settings: settings.unwrap(),
            spans: vec![span],
            pauses: Vec::new(),
            paused_at: None,
            wishes: Vec::new(),
            backfills: Vec::new(),
        });
    }

    async fn schedule(&self, name: &str) -> Schedule {
        self.store().schedule(ACCOUNT, DEFAULT_GROUP, name).await.unwrap().unwrap()
    }

    async fn step(&mut self) {
        let which = self.up_to(4);
        match self.up_to(10) {
            0 | 1 => {
                let minutes = self.minutes(300);
                self.jump(minutes).await;
            }
            2 => self.go_back().await,
            3 => self.pause_or_resume(which).await,
            4 => self.change(which).await,
            5 => self.wish(which).await,
            6 => self.backfill(which).await,
            7 => self.cut(Mode::Refuse).await,
            8 => self.cut(Mode::CutAnswers).await,
            9 => self.die_with_work_in_hand().await,
            _ => self.restart().await,
        }
    }

    async fn jump(&mut self, minutes: i64) {
        self.ahead_ms += minutes * MINUTE_MS;
        self.clock.set_ahead(self.ahead_ms);
        self.store().hint_schedules().await.unwrap();
    }

    /// Clocks go back, but not while something is paused: what is during a pause would be
    /// another question then.
    async fn go_back(&mut self) {
        let minutes = self.minutes(120);
        if self.ahead_ms > 120 * MINUTE_MS && !self.tracked.iter().any(Tracked::is_paused) {
            self.jump(-minutes).await;
        }
    }

    /// The first schedule is never paused.
    async fn pause_or_resume(&mut self, which: usize) {
        if which > 0 {
            let state = if self.tracked[which].is_paused() {
                ScheduleState::Enabled
            } else {
                ScheduleState::Paused
            };
            self.set(which, state).await;
        }
    }

    async fn set(&mut self, which: usize, state: ScheduleState) {
        let (now, key) = (self.now(), self.tracked[which].key());
        let set = self.store().set_schedule_state(key, state, None, now).await.unwrap().unwrap();
        // A clock that went back pauses what has not been decided before.
        let since = set.state_since.max(set.decided_until);
        let tracked = &mut self.tracked[which];
        tracked.settings.state = state;
        match tracked.paused_at.take() {
            None => tracked.paused_at = Some(since),
            Some(paused_at) => tracked.pauses.push((paused_at, since)),
        }
        self.store().hint_schedules().await.unwrap();
    }

    /// Another period, perhaps just after it came due and before anybody has looked.
    async fn change(&mut self, which: usize) {
        if !self.store().running_backfills(self.tracked[which].id).await.unwrap().is_empty() {
            return;
        }
        self.until_looked_at(which).await;
        self.ahead_ms += self.minutes(60) * MINUTE_MS;
        self.clock.set_ahead(self.ahead_ms);
        let hours = 1 + self.up_to(2);
        let tracked = &mut self.tracked[which];
        tracked.settings.expression = format!("rate({hours} hours)");
        let settings = tracked.settings.clone();
        let updated = self
            .store()
            .update_schedule(self.tracked[which].key(), &settings, Wording::Own, self.now())
            .await
            .unwrap()
            .unwrap();
        let spans = &mut self.tracked[which].spans;
        spans.last_mut().unwrap().until = Some(updated.decided_until);
        spans.push(Span {
            after: updated.decided_until,
            until: None,
            anchor: updated.anchor,
            period: TimeDelta::hours(i64::try_from(hours).unwrap()),
        });
        self.store().hint_schedules().await.unwrap();
    }

    /// Waits until what was due has been decided.
    async fn until_looked_at(&self, which: usize) {
        self.store().hint_schedules().await.unwrap();
        for _ in 0..6_000 {
            let next = self.schedule(&self.tracked[which].name).await.next_due_at;
            if next.is_some_and(|next| next > self.now()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let schedule = self.schedule(&self.tracked[which].name).await;
        panic!("nobody looks at it, at {}: {schedule:#?}", self.now());
    }

    async fn wish(&mut self, which: usize) {
        let request = Uuid::new_v4();
        let asked =
            self.store().run_schedule_now(self.tracked[which].key(), request, self.now()).await;
        assert!(matches!(asked.unwrap(), RunAsked::Asked(_)));
        self.tracked[which].wishes.push(request);
        self.store().hint_schedules().await.unwrap();
    }

    /// The last few hours, be it before the schedule was there.
    async fn backfill(&mut self, which: usize) {
        let hours = 1 + i64::try_from(self.random.up_to(5)).unwrap();
        let tracked = &self.tracked[which];
        let new = NewBackfill {
            id: Uuid::new_v4(),
            from: self.now() - TimeDelta::hours(hours),
            until: self.now(),
            per_minute: 6_000,
            created_at: self.now(),
        };
        let asked = self.store().backfill_schedule(tracked.key(), &new).await.unwrap();
        assert!(matches!(asked, BackfillAsked::Asked(_)), "{asked:?}");
        let now = tracked.spans.last().unwrap();
        // Counted back from where the rate counts.
        let span = Span {
            after: new.from - TimeDelta::milliseconds(1),
            until: Some(new.until - TimeDelta::milliseconds(1)),
            anchor: now.anchor - now.period * 1_000,
            period: now.period,
        };
        let due = span.due(new.until).len();
        self.tracked[which].backfills.push((new.id, due));
        self.store().hint_schedules().await.unwrap();
    }

    async fn cut(&mut self, mode: Mode) {
        let node = self.up_to(1);
        self.nodes[node].proxy.set(mode);
        tokio::time::sleep(Duration::from_millis(20 + self.random.up_to(200))).await;
        self.nodes[node].proxy.set(Mode::Pass);
    }

    /// A node that takes hold of what is due, starts some of it, and is never heard of again.
    async fn die_with_work_in_hand(&mut self) {
        let short = Duration::from_millis(300);
        let now = self.now();
        let held = self.store().claim_schedules(Uuid::new_v4(), now, short, 2).await.unwrap();
        for claimed in held {
            let open = self.store().open_firings(claimed.schedule.id, now, 2).await.unwrap();
            for firing in open {
                let tried =
                    self.store().try_firing(&claimed, firing.key, short, now).await.unwrap();
                if tried.is_some() && firing.key.request.is_nil() && self.up_to(1) == 0 {
                    let due = firing.key.due_at;
                    let name =
                        format!("{}-{}", claimed.schedule.name, due.format("%Y%m%dT%H%M%SZ"));
                    let input = input(due);
                    // Where the node's database is away, or another was faster, it is not started.
                    let _ =
                        self.nodes[0].world.node.begin(self.revision, Some(&name), &input).await;
                }
            }
        }
    }

    async fn restart(&mut self) {
        let node = self.up_to(1);
        let gone = self.nodes.remove(node);
        gone.world.node.engine.shutdown().await;
        self.nodes.push(place(&self.database.url, &self.clock).await);
    }

    /// Lets everything come to rest, and looks whether it is as it has to be.
    async fn end(&mut self) {
        for which in 0..self.tracked.len() {
            if self.tracked[which].is_paused() {
                self.set(which, ScheduleState::Enabled).await;
            }
        }
        while !self.is_at_rest().await {
            self.jump(1).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for placed in self.nodes.drain(..) {
            placed.world.node.engine.shutdown().await;
        }
        let mut started = BTreeSet::new();
        for tracked in &self.tracked {
            let schedule = self.schedule(&tracked.name).await;
            let log = self.log(tracked.id).await;
            accounted_for(tracked, &schedule, &log);
            heeded(tracked, &log);
            for firing in log.iter().filter(|firing| firing.state == FiringState::Started) {
                let name = firing.started.as_ref().unwrap().name.clone();
                let row = self.store().describe(ACCOUNT, "m", &name).await.unwrap();
                let got = String::from_utf8(row.expect("it has started").input.to_vec());
                assert_eq!(got.unwrap(), input(firing.key.due_at));
                assert!(started.insert(name), "two firings of one execution: {firing:?}");
            }
        }
        let there: BTreeSet<String> = super::executions(self.store()).await.into_iter().collect();
        assert_eq!(there, started);
    }

    async fn log(&self, schedule: Uuid) -> Vec<Firing> {
        super::log(self.store(), schedule).await
    }

    async fn is_at_rest(&self) -> bool {
        for tracked in &self.tracked {
            let is_open = |firing: &Firing| firing.decided_at.is_none();
            if self.log(tracked.id).await.iter().any(is_open)
                || !self.store().running_backfills(tracked.id).await.unwrap().is_empty()
            {
                return false;
            }
            let next = self.schedule(&tracked.name).await.next_due_at;
            if next.is_none_or(|next| next <= self.now()) {
                return false;
            }
        }
        true
    }
}

/// What [`INPUT`] becomes.
fn input(due: DateTime<Utc>) -> String {
    INPUT.replace("<aws.scheduler.scheduled-time>", &due.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

async fn place(url: &str, clock: &Clock) -> Placed {
    let proxy = Proxy::before(url).await;
    let world = World::beside(proxy.url(), Script::Echo, clock.clone()).await;
    Placed { world, proxy }
}

/// Each time that a schedule was due is in its log once, in a row of its own or in one of those
/// that stand for several.
fn accounted_for(tracked: &Tracked, schedule: &Schedule, log: &[Firing]) {
    let until = schedule.decided_until;
    let due: HashSet<DateTime<Utc>> =
        tracked.spans.iter().flat_map(|span| span.due(until)).collect();
    let own: Vec<&Firing> = log.iter().filter(|firing| firing.key.request.is_nil()).collect();
    for firing in &own {
        assert!(due.contains(&firing.key.due_at), "it was not due then: {firing:?}");
        assert!(firing.since.is_none_or(|since| due.contains(&since)), "{firing:?}");
    }
    let counted: i64 = own.iter().map(|firing| firing.due_count).sum();
    let name = &tracked.name;
    assert_eq!(usize::try_from(counted).unwrap(), due.len(), "{name}: {own:#?}");
}

/// Wishes, backfills, pauses and policies were heeded.
fn heeded(tracked: &Tracked, log: &[Firing]) {
    let of = |request: Uuid| log.iter().filter(move |firing| firing.key.request == request);
    for wish in &tracked.wishes {
        assert_eq!(of(*wish).count(), 1, "one firing for a wish");
    }
    for (backfill, due) in &tracked.backfills {
        assert_eq!(of(*backfill).count(), *due, "a backfill of {}", tracked.name);
        for firing in of(*backfill) {
            assert_eq!(firing.state, FiringState::Started, "{firing:?}");
        }
    }
    let own = log
        .iter()
        .filter(|firing| matches!(firing.kind, FiringKind::Scheduled | FiringKind::CatchUp));
    for firing in own {
        let due = firing.key.due_at;
        let during = tracked.pauses.iter().find(|(from, until)| *from < due && due <= *until);
        if let Some(pause) = during {
            assert_eq!(firing.state, FiringState::Skipped, "{firing:?} {pause:?}");
        }
        let misses_nothing = tracked.settings.overlap == Overlap::Allow
            && tracked.settings.catch_up == CatchUp::All
            && tracked.pauses.is_empty();
        if misses_nothing {
            assert_eq!(firing.state, FiringState::Started, "{firing:?}");
        }
    }
}
