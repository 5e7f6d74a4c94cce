//! Simulation: executions under a seeded world of crashes, repeated and late answers, two
//! owners, clock jumps and appends in doubt. With a pure `step`, a crash is just not using a
//! return value.
//!
//! `SIMULATION_SEEDS=200000 cargo test -p tests simulation` runs more seeds;
//! `SIMULATION_SEED=123` runs one.

mod definitions;
mod ended;
mod faults;
mod invariants;
mod machines;
mod world;

use ended::Ended;
use faults::Faults;
use machines::Machine;
use world::World;

/// Seeds in an ordinary run: each is one calm and one stormy run of one machine.
const SEEDS: u64 = 20_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs the seed's machine twice, in calm and in storm, and compares. A run that goes wrong is
/// made again, and told step by step.
fn check(machines: &[Machine], seed: u64) {
    let index = usize::try_from(seed).unwrap_or(0) % machines.len();
    let machine = &machines[index];
    let run = |faults, print| World::new(machine, seed, faults, print).run();
    let wrong = verdict(machine, &run(Faults::none(), false), &run(Faults::storm(seed), false));
    if let Err(why) = wrong {
        let told = run(Faults::storm(seed), true).transcript();
        panic!("seed {seed}, machine `{}`: {why}\n{told}", machine.name);
    }
}

fn verdict(machine: &Machine, calm: &Ended, other: &Ended) -> Result<(), String> {
    invariants::all(calm)?;
    invariants::all(other)?;
    same(calm, other, machine.races)
}

/// The stormy run tells the same story as the calm one. Where branches race, which of their
/// events came before the end is chance, and only the ending is compared.
fn same(calm: &Ended, stormy: &Ended, races: bool) -> Result<(), String> {
    if calm.ending() != stormy.ending() {
        return Err(format!(
            "in calm it ended {:?}, in storm {:?}",
            calm.ending(),
            stormy.ending()
        ));
    }
    if !races && calm.story() != stormy.story() {
        return Err(format!(
            "the histories differ:\n{}\n---\n{}",
            calm.story().join("\n"),
            stormy.story().join("\n")
        ));
    }
    Ok(())
}

#[test]
fn a_stormy_run_ends_like_a_calm_one() {
    let machines = machines::all();
    if let Some(seed) = number("SIMULATION_SEED") {
        check(&machines, seed);
        return;
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        check(&machines, seed);
    }
    println!("{seeds} seeds, each in calm and in storm");
}

#[test]
fn a_crash_after_any_turn_changes_nothing() {
    for machine in machines::all() {
        for seed in 0..4 {
            let calm = World::new(&machine, seed, Faults::none(), false).run();
            for turn in 0..=calm.turns {
                for landed in [true, false] {
                    let run = |print| {
                        let crash = Faults::crash_at(turn, landed);
                        World::new(&machine, seed, crash, print).run()
                    };
                    if let Err(why) = verdict(&machine, &calm, &run(false)) {
                        let name = machine.name;
                        let told = run(true).transcript();
                        panic!("machine `{name}`, seed {seed}, turn {turn}: {why}\n{told}");
                    }
                }
            }
        }
    }
}
