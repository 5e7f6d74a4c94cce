//! A simulated node: the owners, lanes and membership that production runs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use machine::Limits;
use uuid::Uuid;

use super::deaths;
use super::store::LEASE;
use super::world::{Process, World};
use crate::lane::{Lane, Next, Notice, Sequel};
use crate::owner::{Owner, Rules};
use crate::post::mail::{Mail, StartReply};
use crate::task::token::Seal;
use crate::tenure::Tenure;
use crate::tenure::membership::Membership;
use crate::tenure::standing::Standing;

/// Owners of a node.
pub(super) const SEATS: usize = 2;
/// Mail that may wait for an owner.
const MAILBOX: usize = 64;
/// How often an owner that has nothing to do looks at the time.
const LOOK_MS: i64 = 50;

#[expect(clippy::struct_excessive_bools, reason = "a node is in many ways at once")]
pub(super) struct Node {
    /// Tells its processes apart.
    pub(super) number: u64,
    pub(super) is_alive: bool,
    /// Who it is to the store; new for each process.
    pub(super) id: Uuid,
    pub(super) paused_until: i64,
    /// Until when the store does not answer it.
    pub(super) cut_off_until: i64,
    /// How far its wall's clock is ahead.
    pub(super) ahead_ms: i64,
    pub(super) is_draining: bool,
    pub(super) is_beating: bool,
    /// Another beat was due meanwhile.
    pub(super) owes_beat: bool,
    pub(super) standing: Arc<Standing>,
    pub(super) membership: Membership,
    pub(super) seats: Vec<Seat>,
    /// Messages that were handed to an owner, and when.
    pub(super) taken: BTreeMap<Uuid, i64>,
}

/// An owner and its lane.
pub(super) struct Seat {
    pub(super) owner: Owner,
    pub(super) lane: Lane,
    pub(super) mail: VecDeque<Mail>,
    pub(super) notices: VecDeque<Notice>,
    is_running: bool,
    pub(super) is_appending: bool,
    /// The lane's connection: what an earlier one still has under way is ended before anything is asked.
    pub(super) session: u64,
    /// Calls whose outcomes somebody waits for.
    pub(super) calls: BTreeSet<(Uuid, u64)>,
}

impl Node {
    pub(super) fn new(world: &World, number: u64) -> Self {
        let standing = Arc::new(Standing::new(crate::EngineOptions::default().memory));
        let rules = Rules {
            limits: Limits::strict(),
            sleep_after: Duration::from_secs(10),
            snapshot_after: 1,
            seal: Seal::of_nobody(),
            before_step: Some(deaths::before_step),
        };
        let now =
            crate::clock::Now { wall: machine::Timestamp(world.wall()), steady: world.steady() };
        let seat = |_| Seat {
            owner: Owner::new(standing.clone(), rules.clone(), now),
            lane: Lane::new(standing.clone(), 100),
            mail: VecDeque::new(),
            notices: VecDeque::new(),
            is_running: false,
            is_appending: false,
            session: 0,
            calls: BTreeSet::new(),
        };
        let lease = LEASE;
        Self {
            number,
            is_alive: true,
            id: world.uuid(),
            paused_until: 0,
            cut_off_until: 0,
            ahead_ms: 0,
            is_draining: false,
            is_beating: false,
            owes_beat: false,
            membership: Membership::new(standing.clone(), lease),
            seats: (0..SEATS).map(seat).collect(),
            standing,
            taken: BTreeMap::new(),
        }
    }

    pub(super) fn tenure(&self, shard: i16) -> Option<Tenure> {
        self.standing.tenures.of(shard)
    }
}

/// One of a node's owners.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) process: Process,
    pub(super) seat: usize,
}

impl World {
    pub(super) fn seat(&mut self, place: Place) -> &mut Seat {
        &mut self.nodes[place.process.node].seats[place.seat]
    }

    pub(super) fn process(&self, node: usize) -> Process {
        Process { node, number: self.nodes[node].number }
    }

    /// The place of the owner that this process has for a shard.
    pub(super) fn place(process: Process, shard: i16) -> Place {
        Place { process, seat: crate::post::Mailboxes::index(shard, SEATS) }
    }

    pub(super) fn is_cut_off(&self, node: usize) -> bool {
        self.nodes[node].cut_off_until > self.now
    }

    /// Puts mail into an owner's box; `false` if it is full.
    pub(super) fn try_post(&mut self, place: Place, mail: Mail) -> bool {
        let seat = self.seat(place);
        if seat.mail.len() >= MAILBOX {
            return false;
        }
        seat.mail.push_back(mail);
        self.wake(place);
        true
    }

    /// The same of what waits for room.
    pub(super) fn post(&mut self, place: Place, mail: Mail) {
        self.seat(place).mail.push_back(mail);
        self.wake(place);
    }

    /// The loop of an owner goes on, soon.
    pub(super) fn wake(&mut self, place: Place) {
        if !std::mem::replace(&mut self.seat(place).is_running, true) {
            let ms = self.up_to(2);
            self.within(place.process, ms, move |world| world.run_owner(place));
        }
    }

    /// What is due, again and again.
    pub(super) fn look(&mut self, place: Place) {
        self.wake(place);
        self.within(place.process, LOOK_MS, move |world| world.look(place));
    }

    /// One round of an owner's loop.
    fn run_owner(&mut self, place: Place) {
        let now = self.moment(place.process.node);
        let seat = self.seat(place);
        seat.is_running = false;
        if let Some(notice) = seat.notices.pop_front() {
            seat.owner.note(notice, now);
        } else if seat.owner.next_due().is_some_and(|due| due <= now.wall) {
            // What had arrived before this moment comes first.
            for mail in std::mem::take(&mut seat.mail) {
                deaths::takes(Some(&mail));
                seat.owner.take(mail, now);
            }
            deaths::takes(None);
            seat.owner.fire(now);
        } else if let Some(mail) = seat.mail.pop_front() {
            deaths::takes(Some(&mail));
            seat.owner.take(mail, now);
        }
        deaths::takes(None);
        if seat.owner.is_unfinished() {
            seat.owner.go_on(now);
        }
        if deaths::has_died() {
            // Nothing of this round gets out.
            self.die_over(place.process.node);
            return;
        }
        loop {
            let effects = self.seat(place).owner.effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                self.perform(place, effect);
                if !self.nodes[place.process.node].is_alive {
                    return;
                }
            }
        }
        let seat = self.seat(place);
        let is_due = seat.owner.next_due().is_some_and(|due| due <= now.wall);
        if !seat.notices.is_empty() || !seat.mail.is_empty() || seat.owner.is_unfinished() || is_due
        {
            self.wake(place);
        }
        self.run_lane(place);
    }

    /// One round of a lane's loop.
    pub(super) fn run_lane(&mut self, place: Place) {
        let node = place.process.node;
        let holds = self.nodes[node].standing.lease.holds_at(self.steady());
        let seat = self.seat(place);
        if seat.is_appending || seat.lane.is_idle() || !holds {
            return;
        }
        match seat.lane.next() {
            Next::Rest => {}
            Next::Append(batch) => {
                seat.is_appending = true;
                self.append(place, batch);
            }
            Next::AskAbsent(batch, pause) => {
                seat.is_appending = true;
                let pause = i64::try_from(pause.as_millis()).unwrap();
                self.within(place.process, pause, move |world| {
                    let cut_off = world.is_cut_off(node) || world.fails(300);
                    let absent = (!cut_off).then(|| world.store.absent(&batch));
                    let seat = world.seat(place);
                    // What an earlier connection had under way is ended first.
                    seat.session += u64::from(!cut_off);
                    seat.lane.absent(absent.as_ref());
                    world.lane_goes_on(place);
                });
            }
        }
    }

    /// What follows from what is committed; then the lane goes on.
    pub(super) fn lane_goes_on(&mut self, place: Place) {
        let seat = self.seat(place);
        seat.is_appending = false;
        for sequel in self.seat(place).lane.sequels() {
            match sequel {
                Sequel::Notice(notice) => {
                    self.seat(place).notices.push_back(notice);
                    self.wake(place);
                }
                Sequel::Out { write, is_in_doubt } => {
                    let node = place.process.node;
                    if let Some(turn) = &write.turn {
                        let (id, first, shard) = (turn.execution_id, turn.first_event, turn.shard);
                        self.tell(|| {
                            format!("node {node} wrote {id} from {first} in shard {shard}")
                        });
                    }
                    for command in write.commands {
                        self.carry_out(place, write.key, command, is_in_doubt);
                    }
                    if let Some(start) = write.start {
                        let _ = start.send(StartReply::Started);
                    }
                    if let Some((reply, answer)) = write.reply {
                        let _ = reply.send(answer);
                    }
                }
            }
        }
        self.run_lane(place);
    }

    /// Notes whether the store answers a node.
    pub(super) fn set_away(&mut self, node: usize, is_away: bool) {
        let now = self.moment(node).wall;
        self.nodes[node].standing.set_away(is_away, now);
    }
}
