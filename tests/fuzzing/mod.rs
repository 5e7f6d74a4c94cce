//! Fuzzing: texts from a grammar, and the samples with damage, through the front end; what compiles
//! runs on the pure machine, under random inputs and outcomes.
//!
//! An ordinary run has the same seeds each time. `FUZZ_SECONDS=600 cargo test -p tests fuzzing` tries
//! new ones for so long; `FUZZ_SEED=123` tries one, and prints its text and what happens.

mod dice;
mod drive;
mod grammar;
mod mutation;
mod pools;
mod timestamps;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use asl::{Code, Diagnostic, MachineKind, Severity};
use uuid::Uuid;

use dice::Dice;
use drive::Drive;

/// Seeds of an ordinary run: each is one text, and one execution if the text compiles.
const SEEDS: u64 = 2_000;

/// A seed that is not through by then hangs: an ordinary one takes milliseconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// Most memory that this process may have taken, in KiB. An ordinary run takes a tenth of it.
const MOST_MEMORY_KIB: u64 = 1024 * 1024;

/// What a run has seen, so that a generator that makes nothing but refuse is noticed.
#[derive(Debug, Default)]
struct Seen {
    texts: u64,
    compiled: u64,
    ended_well: u64,
    failed: u64,
    waiting: u64,
    turns: u64,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Tries seeds, the ordinary ones or as many as `FUZZ_SECONDS` has room for; complains of the first
/// that panics, hangs, or is wrong.
fn fuzz(trial: impl Fn(u64, bool) -> Result<(), String> + Send + 'static) {
    let at = Arc::new(AtomicU64::new(0));
    let (done, end) = mpsc::channel();
    let here = Arc::clone(&at);
    std::thread::spawn(move || {
        let tried = |seed, told| {
            here.store(seed, Ordering::Relaxed);
            let outcome = catch_unwind(AssertUnwindSafe(|| trial(seed, told)));
            outcome.unwrap_or_else(|_| Err("it panics".to_owned()))
        };
        // The other end listens until something comes.
        let _ = done.send(all_seeds(tried));
    });
    let mut last = None;
    loop {
        match end.recv_timeout(PATIENCE) {
            Ok(outcome) => {
                outcome.unwrap_or_else(|why| panic!("{why}"));
                break;
            }
            Err(RecvTimeoutError::Disconnected) => panic!("the trials ended by themselves"),
            Err(RecvTimeoutError::Timeout) => {
                let seed = at.load(Ordering::Relaxed);
                assert_ne!(last, Some(seed), "FUZZ_SEED={seed} hangs");
                last = Some(seed);
            }
        }
    }
    let taken = memory_kib();
    assert!(taken < MOST_MEMORY_KIB, "the trials took {taken} KiB of memory");
}

fn all_seeds(tried: impl Fn(u64, bool) -> Result<(), String>) -> Result<(), String> {
    let named = |seed| move |why| format!("FUZZ_SEED={seed}: {why}");
    if let Some(seed) = number("FUZZ_SEED") {
        return tried(seed, true).map_err(named(seed));
    }
    let Some(seconds) = number("FUZZ_SECONDS") else {
        return (0..SEEDS).try_for_each(|seed| tried(seed, false).map_err(named(seed)));
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = Uuid::new_v4().as_u64_pair().0;
    while Instant::now() < end {
        tried(seed, false).map_err(named(seed))?;
        seed = seed.wrapping_add(1);
    }
    Ok(())
}

/// The most memory that this process has had, in KiB; 0 where the system does not say.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = peak.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok());
    digits.unwrap_or(0)
}

#[test]
fn what_compiles_ends_or_waits_and_all_else_is_refused_with_a_reason() {
    let seen = Arc::new(std::sync::Mutex::new(Seen::default()));
    let counted = Arc::clone(&seen);
    fuzz(move |seed, told| {
        let mut dice = Dice::new(seed);
        let (text, input) = text(&mut dice);
        if told {
            println!("{text}");
        }
        let program = front_end(&text)?;
        let mut seen = counted.lock().map_err(|error| error.to_string())?;
        seen.texts += 1;
        let Some(program) = program else { return Ok(()) };
        let ran = Drive::new(&program, &mut dice, told).run(input)?;
        seen.compiled += 1;
        seen.turns += ran.turns;
        match ran.succeeded {
            Some(true) => seen.ended_well += 1,
            Some(false) => seen.failed += 1,
            None => seen.waiting += 1,
        }
        Ok(())
    });
    let seen = seen.lock().unwrap();
    println!("{seen:?}, {} KiB of memory at most", memory_kib());
    if number("FUZZ_SEED").is_none() {
        let Seen { texts, compiled, ended_well, failed, waiting, .. } = *seen;
        assert!(compiled * 5 > texts, "too few texts compile: {seen:?}");
        assert!(ended_well > 0 && failed > 0 && waiting > 0, "ends are missing: {seen:?}");
    }
}

/// A definition of the grammar or a sample, as it is or damaged; and an input.
fn text(dice: &mut Dice) -> (String, &'static str) {
    let (mut text, mut input) = (String::new(), *dice.prefer(&pools::INPUTS));
    if dice.one_in(6) {
        let sample = dice.pick(&server::samples::SAMPLES);
        text.push_str(sample.definition);
        input = sample.input;
    } else {
        text.push_str(&grammar::definition(dice).to_string());
    }
    if dice.one_in(3) {
        text = mutation::mutated(dice, &text);
    }
    (text, input)
}

/// The program of a text, if it is one. What `compile` says and what `check` says must agree, but that
/// `compile` takes actions that AWS does not have, so that what it once had goes on.
fn front_end(text: &str) -> Result<Option<asl::Program>, String> {
    asl::check(text, MachineKind::Express);
    let checked = asl::check(text, MachineKind::Standard);
    let is_known = |it: &&Diagnostic| !it.message.starts_with("The resource provided");
    let errors: Vec<&Diagnostic> =
        checked.iter().filter(|it| it.severity == Severity::Error).filter(is_known).collect();
    match asl::compile(text) {
        Ok(_) if !errors.is_empty() => Err(format!("it compiles, and has {errors:?}\n{text}")),
        Ok(program) => Ok(Some(program)),
        Err(refused) if refused.is_empty() => Err(format!("refused without a reason\n{text}")),
        Err(refused) => {
            let of_language =
                refused.iter().filter(|it| it.code != Code::UnsupportedFeature).filter(is_known);
            if of_language.eq(errors.iter().copied()) {
                return Ok(None);
            }
            Err(format!("refused for {refused:?}\nand checked as {errors:?}\n{text}"))
        }
    }
}
