//! Executions by state machine: by name for the busiest, together for all others, so that nobody who
//! makes up state machines makes us remember all of them.
//!
//! Who is among the busiest is found as Misra and Gries find frequent items: whoever has no place takes
//! a point from everybody who has one, and one without points loses its place. So a state machine with
//! more than a hundredth of all starts and ends keeps its place, whoever else comes. What happened to a
//! state machine while it had no place is counted among the others, so that their figure, too, only
//! grows.

use std::collections::HashMap;

use prometheus::IntCounterVec;
use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use store::Status;

use super::{Metric, SOUND};

/// How many state machines are counted by name.
const NAMED: usize = 100;
/// Accounts of which it is remembered what state machines without a place had counted.
const ACCOUNTS: usize = 100;
/// What the others are called together. No state machine of this name gets a place.
const OTHERS: &str = "other";

/// What is counted of an execution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Counted {
    Started,
    Ended(Status),
}

const ENDS: [Status; 4] = [Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted];

/// Figures of a state machine, or of several together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Figures {
    started: u64,
    /// In the order of [`ENDS`].
    ended: [u64; 4],
}

impl Figures {
    fn count(&mut self, what: Counted) {
        match what {
            Counted::Started => self.started += 1,
            Counted::Ended(status) => {
                if let Some(at) = ENDS.iter().position(|end| *end == status) {
                    self.ended[at] += 1;
                }
            }
        }
    }

    fn add(&mut self, more: &Self) {
        self.started += more.started;
        for (ended, more) in self.ended.iter_mut().zip(more.ended) {
            *ended += more;
        }
    }
}

/// One of the busiest.
#[derive(Debug)]
struct Place {
    account: String,
    machine: String,
    figures: Figures,
    /// It leaves when it has none left.
    points: u64,
}

/// The busiest state machines, and all others together.
#[derive(Debug, Default)]
pub(super) struct Busiest {
    places: Vec<Place>,
    /// Where whose place is, by account and name.
    found: HashMap<String, HashMap<String, usize>>,
    others: Figures,
    /// What was counted of those that lost their places, by account.
    lost: HashMap<String, Figures>,
}

impl Busiest {
    /// Counts what happened to an execution of this state machine.
    pub(super) fn count(&mut self, account: &str, machine: &str, what: Counted) {
        let found = self.found.get(account).and_then(|machines| machines.get(machine));
        if let Some(place) = found.and_then(|at| self.places.get_mut(*at)) {
            place.points += 1;
            place.figures.count(what);
            return;
        }
        if self.places.len() < NAMED && machine != OTHERS {
            let mut figures = Figures::default();
            figures.count(what);
            let machines = self.found.entry(account.to_owned()).or_default();
            machines.insert(machine.to_owned(), self.places.len());
            let (account, machine) = (account.to_owned(), machine.to_owned());
            self.places.push(Place { account, machine, figures, points: 1 });
            return;
        }
        self.others.count(what);
        if machine != OTHERS {
            self.take_points();
        }
    }

    fn take_points(&mut self) {
        for place in &mut self.places {
            place.points -= 1;
        }
        let (places, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.places).into_iter().partition(|place| place.points > 0);
        self.places = places;
        if lost.is_empty() {
            return;
        }
        for place in lost {
            if self.lost.len() < ACCOUNTS || self.lost.contains_key(&place.account) {
                self.lost.entry(place.account).or_default().add(&place.figures);
            } else {
                self.others.add(&place.figures);
            }
        }
        self.found.clear();
        for (at, place) in self.places.iter().enumerate() {
            let machines = self.found.entry(place.account.clone()).or_default();
            machines.insert(place.machine.clone(), at);
        }
    }

    /// The figures as those of one account may see them: what is other accounts' is among the others.
    pub(super) fn seen_by(
        &self,
        account: &str,
        started: &Metric,
        ended: &Metric,
    ) -> Vec<MetricFamily> {
        let starts = IntCounterVec::new(started.opts(), started.labels).expect(SOUND);
        let ends = IntCounterVec::new(ended.opts(), ended.labels).expect(SOUND);
        let write = |machine: &str, figures: &Figures| {
            starts.with_label_values(&[machine]).inc_by(figures.started);
            for (status, count) in ENDS.iter().zip(figures.ended) {
                ends.with_label_values(&[machine, status.as_str()]).inc_by(count);
            }
        };
        let mut others = self.others;
        for (_, figures) in self.lost.iter().filter(|(whose, _)| *whose != account) {
            others.add(figures);
        }
        for place in &self.places {
            if place.account == account {
                write(&place.machine, &place.figures);
            } else {
                others.add(&place.figures);
            }
        }
        write(OTHERS, &others);
        [starts.collect(), ends.collect()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(busiest: &'a Busiest, machine: &str) -> Option<&'a Place> {
        busiest.places.iter().find(|place| place.machine == machine)
    }

    #[test]
    fn who_makes_up_state_machines_neither_fills_memory_nor_hides_the_busy_ones() {
        let mut busiest = Busiest::default();
        for round in 0..20_000 {
            busiest.count("1", "busy", Counted::Started);
            for other in 0..5 {
                busiest.count("1", &format!("made-up-{round}-{other}"), Counted::Started);
            }
        }
        assert!(busiest.places.len() <= NAMED, "{}", busiest.places.len());
        assert_eq!(busiest.found.values().map(HashMap::len).sum::<usize>(), busiest.places.len());
        assert_eq!(place(&busiest, "busy").unwrap().figures.started, 20_000);
    }

    #[test]
    fn nothing_is_counted_twice_or_not_at_all() {
        let mut busiest = Busiest::default();
        for number in 0..1_000 {
            let machine = format!("m{}", number % 150);
            busiest.count("1", &machine, Counted::Started);
            busiest.count("1", &machine, Counted::Ended(Status::Failed));
        }
        let mut all = busiest.others;
        busiest.places.iter().for_each(|place| all.add(&place.figures));
        busiest.lost.values().for_each(|figures| all.add(figures));
        assert_eq!(all, Figures { started: 1_000, ended: [0, 1_000, 0, 0] });
    }

    #[test]
    fn no_account_sees_the_names_of_another() {
        const STARTED: Metric = Metric {
            name: "s",
            kind: super::super::Kind::Counter,
            labels: &["machine"],
            help: "s",
        };
        const ENDED: Metric = Metric { name: "e", labels: &["machine", "status"], ..STARTED };
        let mut busiest = Busiest::default();
        busiest.count("1", "mine", Counted::Started);
        busiest.count("2", "theirs", Counted::Started);
        busiest.count("2", "theirs", Counted::Ended(Status::TimedOut));
        busiest.count("1", "other", Counted::Started);
        let seen = busiest.seen_by("1", &STARTED, &ENDED);
        let text = prometheus::TextEncoder::new().encode_to_string(&seen).unwrap();
        assert!(!text.contains("theirs"), "{text}");
        for line in [
            "s{machine=\"mine\"} 1",
            "s{machine=\"other\"} 2",
            "e{machine=\"other\",status=\"TIMED_OUT\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
    }
}
