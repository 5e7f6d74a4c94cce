//! What goes wrong, and how often.

use machine::Random;

/// The faults of one run. Chances are in thousandths, asked for at each opportunity.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    random: Random,
    crash: u64,
    /// Of the crashes during an append: how often the append had landed.
    landed: u64,
    repeat: u64,
    late: u64,
    lose: u64,
    forge: u64,
    second_owner: u64,
    refuse: u64,
    jump: u64,
    queue: u64,
    /// Crash at this turn, and whether its append had landed.
    pub(super) at_turn: Option<(u64, bool)>,
    /// Crashes left, so that every run ends.
    budget: u32,
}

/// What becomes of an append.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Append {
    Lands,
    /// The store did not take it; the same batch is tried again.
    Refused,
    /// The process died; the append was in time, or it was not.
    Dies {
        landed: bool,
    },
}

impl Faults {
    pub(super) fn none() -> Self {
        Self {
            random: Random::seeded(0),
            crash: 0,
            landed: 0,
            repeat: 0,
            late: 0,
            lose: 0,
            forge: 0,
            second_owner: 0,
            refuse: 0,
            jump: 0,
            queue: 0,
            at_turn: None,
            budget: 0,
        }
    }

    /// Some of everything, another mixture for each seed.
    pub(super) fn storm(seed: u64) -> Self {
        let random = Random::seeded(seed ^ 0x5701);
        Self {
            crash: random.up_to(250),
            landed: random.up_to(1_000),
            repeat: random.up_to(300),
            late: random.up_to(300),
            second_owner: random.up_to(120),
            refuse: random.up_to(200),
            jump: random.up_to(100),
            queue: random.up_to(300),
            lose: random.up_to(200),
            forge: random.up_to(300),
            at_turn: None,
            budget: 30,
            random,
        }
    }

    /// One crash, while this turn is being appended.
    pub(super) fn crash_at(turn: u64, landed: bool) -> Self {
        Self { at_turn: Some((turn, landed)), ..Self::none() }
    }

    fn happens(&mut self, chance: u64) -> bool {
        if chance == 0 || self.budget == 0 || self.random.up_to(999) >= chance {
            return false;
        }
        self.budget -= 1;
        true
    }

    pub(super) fn of_append(&mut self, turn: u64) -> Append {
        if let Some((at, landed)) = self.at_turn
            && at == turn
        {
            self.at_turn = None;
            return Append::Dies { landed };
        }
        if self.happens(self.crash) {
            return Append::Dies { landed: self.random.up_to(999) < self.landed };
        }
        if self.happens(self.refuse) {
            return Append::Refused;
        }
        Append::Lands
    }

    /// The process dies between two appends.
    pub(super) fn dies_idle(&mut self) -> bool {
        self.happens(self.crash / 4)
    }

    /// An answer arrives twice.
    pub(super) fn repeats(&mut self) -> bool {
        self.happens(self.repeat)
    }

    /// A call cannot begin at once: all places are taken, or its node is told to stop.
    pub(super) fn queues(&mut self) -> bool {
        self.happens(self.queue)
    }

    /// An answer arrives again long after.
    pub(super) fn is_late(&mut self) -> bool {
        self.happens(self.late)
    }

    /// A message is lost on its way; its sender hears nothing, and sends it again.
    pub(super) fn loses(&mut self) -> bool {
        self.happens(self.lose)
    }

    /// Somebody says something about a task that is not his.
    pub(super) fn forges(&mut self) -> bool {
        self.happens(self.forge)
    }

    /// Another node believes that it owns the execution, too.
    pub(super) fn second_owner(&mut self) -> bool {
        self.happens(self.second_owner)
    }

    /// The clock jumps by so many milliseconds, ahead or back; far less than any timeout.
    pub(super) fn jump_ms(&mut self) -> i64 {
        if self.happens(self.jump) {
            i64::try_from(self.random.up_to(60_000)).unwrap_or(0) - 30_000
        } else {
            0
        }
    }
}
