//! The signs of life of a simulated node, and what it takes in of others' messages and of sleepers.

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::errands::AHEAD_MS;
use super::node::{Node, SEATS};
use super::store::LEASE_MS;
use super::world::{Process, Said, World, identity};
use crate::post::Mailboxes;
use crate::post::mail::{Key, Mail, StartMail, StimulusMail};

/// How long owners have to take in what changed.
const PATIENCE_MS: i64 = LEASE_MS / 6;
/// How often the inbox is looked at, and after how long a message is handed over again.
const INBOX_MS: (i64, i64) = (200, 3_000);
/// How often sleepers are looked for.
const WAKE_MS: i64 = 2_000;

/// What owners were told, and whether they have done it.
type Told<T> = Vec<(Vec<T>, oneshot::Receiver<()>)>;

/// What is done then, with what owners have done.
type Then<T> = Box<dyn FnOnce(&mut World, Vec<T>)>;

impl World {
    /// A process begins on this node.
    pub(super) fn boot(&mut self, node: usize) {
        let number = self.nodes.get(node).map_or(1, |node| node.number + 1);
        let ahead_ms = self.nodes.get(node).map_or(0, |node| node.ahead_ms);
        let new = Node { ahead_ms, ..Node::new(self, number) };
        if node < self.nodes.len() {
            self.nodes[node] = new;
        } else {
            self.nodes.push(new);
        }
        self.tell(|| format!("node {node} begins"));
        let process = self.process(node);
        for seat in 0..SEATS {
            self.look(super::node::Place { process, seat });
        }
        self.beat_again(process);
        self.shed_again(process);
        self.look_at_inbox(process);
        self.wake_sleepers(process);
    }

    fn beat_again(&mut self, process: Process) {
        self.beat(process.node);
        self.within(process, LEASE_MS / 3, move |world| world.beat_again(process));
    }

    /// One sign of life, unless one is under way.
    pub(super) fn beat(&mut self, node: usize) {
        if std::mem::replace(&mut self.nodes[node].is_beating, true) {
            self.nodes[node].owes_beat = true;
            return;
        }
        self.nodes[node].owes_beat = false;
        let (process, asked) = (self.process(node), self.steady());
        let (there, back) = (self.up_to(10), self.up_to(10));
        self.within(process, there, move |world| {
            let (id, is_draining) = (world.nodes[node].id, world.nodes[node].is_draining);
            let is_lost = world.is_cut_off(node) || world.fails(30);
            // It may be heard though nobody hears the answer.
            let is_heard = !is_lost || (!world.is_cut_off(node) && world.fails(500));
            let now = world.now;
            let beat = is_heard.then(|| world.store.beat(id, is_draining, now));
            world.within(process, back, move |world| {
                world.set_away(node, is_lost);
                match beat.filter(|_| !is_lost) {
                    None => world.beaten(node),
                    Some(beat) => {
                        let news = world.nodes[node].membership.told(&beat, asked, is_draining);
                        let gained =
                            world.told(process, &news.gained, |gained| gained.shard, Mail::Gained);
                        let lost = world.told(process, &news.lost, |shard| *shard, Mail::GiveUp);
                        world.hear(process, gained, PATIENCE_MS, move |world, gained| {
                            world.nodes[node].membership.taken_in(&gained);
                            world.hear(process, lost, PATIENCE_MS, move |world, left| {
                                world.nodes[node].membership.let_go(&left);
                                world.shed(process);
                            });
                        });
                    }
                }
            });
        });
    }

    /// A beat and what follows from it are over.
    fn beaten(&mut self, node: usize) {
        self.nodes[node].is_beating = false;
        if self.nodes[node].owes_beat {
            self.beat(node);
        }
    }

    fn shed_again(&mut self, process: Process) {
        let node = &mut self.nodes[process.node];
        if node.membership.is_shedding() && !std::mem::replace(&mut node.is_beating, true) {
            self.shed(process);
        }
        self.within(process, 100, move |world| world.shed_again(process));
    }

    /// Gives away what is to go and is quiet.
    fn shed(&mut self, process: Process) {
        let (node, steady) = (process.node, self.steady());
        let is_draining = self.nodes[node].is_draining;
        let membership = &mut self.nodes[node].membership;
        let chosen = membership.choose(is_draining, steady);
        let unsettled = membership.unsettled(&chosen);
        let told = self.told(process, &unsettled, |shard| *shard, Mail::Close);
        self.hear(process, told, PATIENCE_MS / 2, move |world, out| {
            let membership = &mut world.nodes[node].membership;
            membership.settled(&out);
            let quiet = membership.quiet(&chosen);
            if membership.keeps_all(is_draining) || quiet.is_empty() {
                world.beaten(node);
                return;
            }
            membership.giving_away(&quiet);
            let told = world.told(process, &quiet, |shard| *shard, Mail::GiveUp);
            world.hear(process, told, PATIENCE_MS, move |world, left| {
                world.nodes[node].membership.given_away(&left);
                let ms = world.up_to(10);
                world.within(process, ms, move |world| {
                    if !world.is_cut_off(node) && !world.fails(50) {
                        let (id, now) = (world.nodes[node].id, world.now);
                        world.store.hand_over(id, &left, now);
                    }
                    world.beaten(node);
                });
            });
        });
    }

    /// Sends every owner what concerns it.
    fn told<T: Clone>(
        &mut self,
        process: Process,
        items: &[T],
        shard: impl Fn(&T) -> i16,
        mail: impl Fn(Vec<T>, oneshot::Sender<()>) -> Mail,
    ) -> Told<T> {
        let mut told = Vec::new();
        for seat in 0..SEATS {
            let is_its = |item: &&T| Mailboxes::index(shard(item), SEATS) == seat;
            let items: Vec<T> = items.iter().filter(is_its).cloned().collect();
            if !items.is_empty() {
                let (done, is_done) = oneshot::channel();
                self.post(super::node::Place { process, seat }, mail(items.clone(), done));
                told.push((items, is_done));
            }
        }
        told
    }

    /// Waits so long for owners to do what they were told; goes on with what is done.
    fn hear<T: 'static>(
        &mut self,
        process: Process,
        told: Told<T>,
        patience: i64,
        then: impl FnOnce(&mut World, Vec<T>) + 'static,
    ) {
        self.hear_rest(process, (told, Vec::new()), patience, Box::new(then));
    }

    fn hear_rest<T: 'static>(
        &mut self,
        process: Process,
        (told, mut done): (Told<T>, Vec<T>),
        patience: i64,
        then: Then<T>,
    ) {
        let mut open = Vec::new();
        for (items, mut answer) in told {
            match answer.try_recv() {
                Ok(()) => done.extend(items),
                Err(TryRecvError::Closed) => {}
                Err(TryRecvError::Empty) => open.push((items, answer)),
            }
        }
        if open.is_empty() || patience <= 0 {
            then(self, done);
            return;
        }
        self.within(process, 5, move |world| {
            world.hear_rest(process, (open, done), patience - 5, then);
        });
    }

    /// Hands messages for this node's shards to their owners.
    fn look_at_inbox(&mut self, process: Process) {
        let node = process.node;
        if !self.is_cut_off(node) {
            let now = self.now;
            self.nodes[node].taken.retain(|_, at| now - *at < INBOX_MS.1);
            let owned = self.nodes[node].standing.tenures.shards();
            for (id, key, said) in self.store.inbox(&owned) {
                if self.nodes[node].taken.contains_key(&id) {
                    continue;
                }
                let mail = match said {
                    Said::Start { name, program } => {
                        let mail = self.start_mail(node, key, &name, program);
                        Mail::Start(Box::new(StartMail { message: Some(id), ..mail }))
                    }
                    Said::Stop | Said::Token { .. } => {
                        let mail = StimulusMail::new(key, said.stimulus());
                        Mail::Stimulus(Box::new(StimulusMail { message: Some(id), ..mail }))
                    }
                };
                if self.try_post(Self::place(process, key.shard), mail) {
                    self.nodes[node].taken.insert(id, now);
                }
            }
        }
        self.within(process, INBOX_MS.0, move |world| world.look_at_inbox(process));
    }

    pub(super) fn start_mail(
        &self,
        node: usize,
        key: Key,
        name: &str,
        program: usize,
    ) -> StartMail {
        let input = asl::Payload::from_text("{}").unwrap();
        let row = store::NewExecution {
            account: "123456789012".to_owned(),
            state_machine: "m".to_owned(),
            life: uuid::Uuid::nil(),
            name: name.to_owned(),
            revision_id: uuid::Uuid::nil(),
            version: None,
            alias: None,
            input: bytes::Bytes::from_static(b"{}"),
            started_at: crate::clock::moment(self.moment(node).wall),
            trace_header: None,
        };
        let (program, identity) = (self.programs[program].clone(), identity(name));
        let memory = self.nodes[node].standing.memory.hold(input.size_bytes());
        StartMail { key, program, identity, row, input, memory, reply: None, message: None }
    }

    fn wake_sleepers(&mut self, process: Process) {
        let node = process.node;
        if !self.is_cut_off(node) {
            let before = self.moment(node).wall.0 + AHEAD_MS;
            let owned = self.nodes[node].standing.tenures.shards();
            for key in self.store.due(&owned, before) {
                let _ = self.try_post(Self::place(process, key.shard), Mail::Wake(key));
            }
        }
        self.within(process, WAKE_MS, move |world| world.wake_sleepers(process));
    }

    /// At no moment do two nodes that may write believe that a shard is theirs.
    pub(super) fn check_owners(&self) {
        let mut owners = std::collections::BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.is_alive) {
            if !node.standing.lease.holds_at(self.steady()) {
                continue;
            }
            for shard in node.standing.tenures.shards() {
                let other = owners.insert(shard, index);
                assert!(other.is_none(), "shard {shard} is of {index} and {other:?}");
            }
        }
    }
}
