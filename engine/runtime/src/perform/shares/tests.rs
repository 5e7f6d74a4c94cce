//! Who gets a place, told by example and by chance.

use super::*;

type Named = Shares<String>;

/// Asks for a place without bound; whether it is there at once.
fn ask(shares: &mut Named, account: &str, function: &str) -> bool {
    ask_most(shares, account, function, usize::MAX)
}

fn ask_most(shares: &mut Named, account: &str, function: &str, most: usize) -> bool {
    let key = Key::new(account, function);
    let asked = shares.ask(&key, most, || format!("{account}/{function}"));
    assert!(asked.served.is_empty(), "nobody is served by another's asking");
    asked.ticket.is_none()
}

fn release(shares: &mut Named, account: &str, function: &str) -> Vec<String> {
    shares.release(&Key::new(account, function))
}

/// Asks again and again until a place is not there; how many were.
fn hog(shares: &mut Named, account: &str, function: &str) -> usize {
    (0..100_000).take_while(|_| ask(shares, account, function)).count()
}

fn is_empty(shares: &Named) -> bool {
    shares.accounts.is_empty()
}

#[test]
fn so_many_that_hang_leave_a_fair_share_for_the_next() {
    for all in [10_usize, 100, 1_000, 1_024] {
        for hogs in 1..=6 {
            let mut shares = Named::new(all);
            // All of them at once, turn by turn, each as much as it gets.
            for _ in 0..all {
                for hog in 0..hogs {
                    ask(&mut shares, &format!("account-{hog}"), &format!("hog-{hog}"));
                }
            }
            let fair = all / (hogs + 1);
            assert!(shares.free + hogs >= fair, "{all} places, {hogs} hogs: {} free", shares.free);
            assert!(shares.free <= fair + hogs, "{all} places, {hogs} hogs: {} free", shares.free);
            assert!(ask(&mut shares, "newcomer", "f"), "{all} places, {hogs} hogs");
        }
    }
}

#[test]
fn one_after_the_other_they_leave_room_too() {
    let mut shares = Named::new(1_000);
    assert_eq!(hog(&mut shares, "a", "first"), 500);
    assert_eq!(hog(&mut shares, "b", "second"), 250);
    assert_eq!(hog(&mut shares, "c", "third"), 125);
    assert!(ask(&mut shares, "d", "f"));
}

#[test]
fn a_newcomer_of_the_same_account_begins_beside_many_that_hang() {
    let mut shares = Named::new(1_000);
    for function in 0..20 {
        hog(&mut shares, "a", &format!("hog-{function}"));
    }
    assert_eq!(shares.accounts["a"].held, 750 + 18, "three quarters, and a first place for each");
    assert!(ask(&mut shares, "a", "newcomer"));
}

#[test]
fn an_account_leaves_room_for_others_however_many_functions_it_has() {
    let mut shares = Named::new(1_000);
    for function in 0..5_000 {
        ask(&mut shares, "a", &format!("f-{function}"));
    }
    assert_eq!(shares.accounts["a"].held, 938);
    assert_eq!(hog(&mut shares, "b", "f"), 31, "and what is left is shared by the same rule");
    for function in 0..5_000 {
        ask(&mut shares, "b", &format!("f-{function}"));
    }
    assert!(ask(&mut shares, "c", "f"));
}

#[test]
fn one_place_or_two_are_shared_as_well() {
    let mut shares = Named::new(1);
    assert!(ask(&mut shares, "a", "f"));
    assert!(!ask(&mut shares, "a", "f"));
    assert!(!ask(&mut shares, "b", "g"));
    assert_eq!(release(&mut shares, "a", "f"), ["a/f"]);
    assert_eq!(release(&mut shares, "a", "f"), ["b/g"]);
    assert!(release(&mut shares, "b", "g").is_empty());
    assert!(is_empty(&shares));

    let mut shares = Named::new(2);
    assert!(ask(&mut shares, "a", "f"));
    assert!(!ask(&mut shares, "a", "f"), "the second place is kept for another");
    assert!(ask(&mut shares, "a", "g"));
    assert!(!ask(&mut shares, "b", "h"), "there is none");
    assert_eq!(release(&mut shares, "a", "g"), ["b/h"], "who holds fewest comes first");
    assert_eq!(release(&mut shares, "b", "h"), [""; 0], "a/f holds as many as are free");
    assert_eq!(release(&mut shares, "a", "f"), ["a/f"]);
}

#[test]
fn a_function_has_no_more_than_it_allows() {
    let mut shares = Named::new(100);
    assert!(ask_most(&mut shares, "a", "f", 2) && ask_most(&mut shares, "a", "f", 2));
    assert!(!ask_most(&mut shares, "a", "f", 2) && !ask_most(&mut shares, "a", "f", 2));
    assert_eq!(release(&mut shares, "a", "f"), ["a/f"]);
    // It allows more now, and so does whoever waits.
    let asked = shares.ask(&Key::new("a", "f"), 4, || "last".to_owned());
    assert_eq!(asked.served, ["a/f", "last"]);
    // And fewer: those that hold a place keep it, nobody gets another.
    assert!(!ask_most(&mut shares, "a", "f", 1));
    for _ in 0..3 {
        assert_eq!(release(&mut shares, "a", "f"), [""; 0]);
    }
    assert_eq!(release(&mut shares, "a", "f"), ["a/f"]);
}

#[test]
fn within_a_function_first_come_is_first_served() {
    let mut shares = Named::new(1);
    let key = Key::new("a", "f");
    assert!(ask(&mut shares, "a", "f"));
    for name in ["one", "two", "three"] {
        assert!(shares.ask(&key, usize::MAX, || name.to_owned()).ticket.is_some());
    }
    for name in ["one", "two", "three"] {
        assert_eq!(shares.release(&key), [name]);
    }
}

#[test]
fn who_holds_fewest_is_served_first_and_then_who_waits_longest() {
    let mut shares = Named::new(6);
    for _ in 0..3 {
        assert!(ask(&mut shares, "a", "many"));
    }
    assert!(ask(&mut shares, "a", "few"));
    assert!(ask(&mut shares, "a", "held") && ask(&mut shares, "b", "held"));
    for (account, function) in [("a", "many"), ("a", "few"), ("a", "late"), ("a", "later")] {
        assert!(!ask(&mut shares, account, function));
    }
    assert_eq!(release(&mut shares, "b", "held"), ["a/late"]);
    assert_eq!(release(&mut shares, "a", "held"), ["a/later"]);
    assert_eq!(release(&mut shares, "a", "late"), [""; 0], "`few` holds as many as are free");
    assert_eq!(release(&mut shares, "a", "later"), ["a/few"]);
}

#[test]
fn who_leaves_leaves_no_trace() {
    let mut shares = Named::new(1);
    let (f, g) = (Key::new("a", "f"), Key::new("b", "g"));
    assert!(ask(&mut shares, "a", "f"));
    let ticket = shares.ask(&g, 1, || "gone".to_owned()).ticket.unwrap();
    assert!(shares.leave(&g, ticket));
    assert!(!shares.accounts.contains_key("b"));
    assert!(!shares.leave(&g, ticket), "once");
    let ticket = shares.ask(&f, 1, || "served".to_owned()).ticket.unwrap();
    assert_eq!(shares.release(&f), ["served"]);
    assert!(!shares.leave(&f, ticket), "who was served does not wait");
    assert_eq!(shares.release(&f), [""; 0]);
    assert!(is_empty(&shares) && shares.free == 1);
}

/// A small generator, so that a failure can be seen again.
fn draw(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}

/// What must hold after every step: places are counted right, and nobody waits who may have one.
fn check<W>(shares: &Shares<W>, all: usize) {
    let mut held = 0;
    for account in shares.accounts.values() {
        let own: usize = account.functions.values().map(|function| function.held).sum();
        assert_eq!(own, account.held);
        held += own;
        let waiting = account.functions.iter().filter(|(_, function)| function.turn().is_some());
        assert_eq!(waiting.count(), account.order.len());
        for function in account.functions.values() {
            assert!(function.held > 0 || !function.waiting.is_empty(), "a trace");
            let is_due =
                function.turn().is_some_and(|(own, _)| fits(shares.free, account.held, own));
            assert!(!is_due, "somebody waits who may have a place");
        }
    }
    assert_eq!(held + shares.free, all);
}

#[test]
fn nobody_is_forgotten_whatever_happens() {
    for seed in 0..300_u64 {
        let mut random = seed;
        let all = 1 + draw(&mut random) % 20;
        let mut shares: Shares<u64> = Shares::new(all);
        let (mut holding, mut waiting) = (Vec::<Key>::new(), Vec::<(u64, u64, Key)>::new());
        for step in 0..400_u64 {
            let account = format!("a{}", draw(&mut random) % 3);
            let key = Key::new(&account, &format!("f{}", draw(&mut random) % 4));
            let served = match draw(&mut random) % 5 {
                0..2 => {
                    let asked = shares.ask(&key, 1 + draw(&mut random) % 8, || step);
                    match asked.ticket {
                        None => holding.push(key),
                        Some(ticket) => waiting.push((step, ticket, key)),
                    }
                    asked.served
                }
                2 if !waiting.is_empty() => {
                    let (_, ticket, key) = waiting.swap_remove(draw(&mut random) % waiting.len());
                    assert!(shares.leave(&key, ticket), "seed {seed}");
                    Vec::new()
                }
                _ if !holding.is_empty() => {
                    shares.release(&holding.swap_remove(draw(&mut random) % holding.len()))
                }
                _ => Vec::new(),
            };
            for name in served {
                let at = waiting.iter().position(|(own, ..)| *own == name).unwrap();
                holding.push(waiting.swap_remove(at).2);
            }
            check(&shares, all);
        }
        while let Some(key) = holding.pop() {
            for name in shares.release(&key) {
                let at = waiting.iter().position(|(own, ..)| *own == name).unwrap();
                holding.push(waiting.swap_remove(at).2);
            }
        }
        assert!(waiting.is_empty() && shares.accounts.is_empty(), "seed {seed}");
    }
}
