//! How long an expression takes that means harm, until it is at its limit: a turn cannot be cut inside it.

use std::time::Instant;

use asl::Payload;

use crate::run::{Run, best};

const HOSTILE: [&str; 18] = [
    "($f := function($n) { $f($n + 1) }; $f(1))",
    "$map([1..300000], function($n) { $n * 2 + 1 })",
    "$map($states.input.numbers, function($n) { $n in $states.input.numbers })",
    "$map($states.input.numbers, function() { $length($states.input.long) })",
    "$map([1..40000], function() { $hash($states.input.long, 'SHA-512') })",
    "($k := $states.input.long; $map([1..40000], function() { $substring($k, 1, 1) }))",
    "($k := $states.input.long; $map([1..4000], function() { $k > $k }))",
    "[1..360000]{$string($): $}",
    "[1..10000000]",
    "$sort($shuffle([1..360000]), function($l, $r) { $l > $r })",
    "($a := $map([1..100000], $string); $map([1..100], function() { $sort($a) }))",
    "($a := [1..360000]; $map([1..10], function() { $a^($) }))",
    "($k := $states.input.long; [1..4000]^($k))",
    "$match($states.input.long, /a/)",
    "$replace($states.input.long, /a/, function($m) { 'b' })",
    "$match($states.input.long, /a(?=(a|aa){0,9}b|)/)",
    "$contains($states.input.long & 'b', /^(a|a)*$/)",
    "$split($states.input.long, /(a+)+b/)",
];

pub(crate) fn print() {
    println!("\nExpressions at their limit, in milliseconds until they have failed");
    let numbers: Vec<String> = (0..40_000).map(|it: u32| it.to_string()).collect();
    let input =
        format!(r#"{{"numbers": [{}], "long": "{}"}}"#, numbers.join(","), "a".repeat(250_000));
    for expression in HOSTILE {
        let definition = format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "P", "States": {{"P": {{"Type": "Pass",
                "Output": "{{% {expression} %}}", "End": true}}}}}}"#
        );
        let Ok(program) = asl::compile(&definition) else {
            panic!("{expression} does not compile");
        };
        let took = best(|| {
            let input = Payload::from_text(&input).expect("it is JSON");
            let began = Instant::now();
            let run = Run::start(&program, input, 1);
            let took = began.elapsed().as_secs_f64() * 1e3;
            let failed = run.execution.ending().is_some_and(|ending| ending.output.is_none());
            assert!(failed, "{expression} has not failed");
            took
        });
        println!("{took:>8.1}  {expression}");
    }
}
