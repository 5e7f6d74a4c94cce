//! Expressions that mean harm: each ends with an error or a value of bounded size, on a small stack.

use std::thread;

use serde_json::{Value, json};

use crate::jsonata::{Query, Sees};
use crate::tests::Outside;
use crate::{Budget, Made, Part};

/// On the stack of a worker thread; whatever comes of it, it ends, and its result is bounded.
fn ends(expressions: Vec<String>) {
    let worker = thread::Builder::new().stack_size(2 << 20);
    let run = move || {
        let input = json!({
            "numbers": (0..40_000).collect::<Vec<u32>>(),
            "long": "a".repeat(250_000),
        });
        expressions
            .iter()
            .map(|expression| (outcome(expression, &input), expression.clone()))
            .collect()
    };
    let outcomes: Vec<(Outcome, String)> = worker.spawn(run).unwrap().join().unwrap();
    for (outcome, expression) in outcomes {
        let shown: String = expression.chars().take(80).collect();
        assert_ne!(outcome, Outcome::Value, "{shown}");
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Refused,
    Failed,
    Value,
}

fn outcome(expression: &str, input: &Value) -> Outcome {
    let Ok(query) = Query::parse(&format!("{{%{expression}%}}"), "Output", Sees::default()) else {
        return Outcome::Refused;
    };
    let mut outside = Outside::default();
    outside.budget = Budget::of(256 << 10, Made::Result);
    let context = || Part::Object(Vec::new());
    match query.evaluate(&outside.scope(input, &context)) {
        Ok(_) => Outcome::Value,
        Err(_) => Outcome::Failed,
    }
}

fn texts<const N: usize>(expressions: [&str; N]) -> Vec<String> {
    expressions.map(str::to_owned).into()
}

#[test]
fn deeply_nested_expressions_end() {
    const DEEP: usize = 100_000;
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(DEEP), close.repeat(DEEP));
    ends(vec![
        nested("(", ")"),
        nested("[", "]"),
        nested("{'a':", "}"),
        nested("function(){", "}"),
        nested("-", ""),
        nested("1?1:", ""),
        nested("", "+1"),
        nested("", "&'a'"),
        nested("", "~>$string"),
        nested("", "[1"),
        format!("$states.input{}", ".a".repeat(DEEP)),
    ]);
}

#[test]
fn endless_recursion_ends() {
    ends(texts([
        "($f := function($n) { 1 + $f($n) }; $f(1))",
        "($f := function($n) { $f($n + 1) }; $f(1))",
        "($f := function($n) { $g($n) }; $g := function($n) { $f($n) }; $f(1))",
        "(function($f) { $f($f) })(function($f) { $f($f) })",
        "($f := function() { $map([1, 2], $f) }; $f())",
        "$eval('$eval(\"1\")')",
    ]));
}

#[test]
fn bombs_of_strings_and_arrays_end() {
    ends(texts([
        "($f := function($s) { $f($s & $s) }; $f('a'))",
        "$pad('x', 1000000000)",
        "$length($join($map([1..360000], function() { $states.input.long })))",
        "$replace($states.input.long, 'a', $states.input.long)",
        "$replace($states.input.long, /a/, $states.input.long)",
        "$replace($states.input.long, /a+/, $join([1..1000].'$0'))",
        "$replace($states.input.long, /a/, function() { $states.input.long })",
        "($f := function($a) { $f($append($a, $a)) }; $f([1]))",
        "($f := function($a) { $f([$a, $a]) }; $f([1]))",
        "($f := function($n, $o) { $n = 0 ? $o : $f($n - 1, {'a': $o, 'b': $o}) }; $f(60, 1))",
        "($f := function($n, $o) { $n = 0 ? $o : $f($n - 1, [[$o]]) }; $f(9000, 1))",
        "[1..10000000]",
        "[-9999999..0][0]",
        "[1..1e7].[1..1e7]",
        "$range(1, 1e300, 1)",
        "$map([1..360000], function() { $range(1, 360000, 1) })",
    ]));
}

#[test]
fn much_work_in_few_steps_ends() {
    ends(texts([
        "$map($states.input.numbers, function() { $sum($states.input.numbers) })",
        "$map($states.input.numbers, function($n) { $n in $states.input.numbers })",
        "$map($states.input.numbers, function() { $length($states.input.long) })",
        "($s := $pad('a', 6900000); $map([1..40000], function() { $length($s & 'a') }))",
        "($a := [1..360000]; $map([1..40000], function() { $a = $reverse($a) }))",
        "($a := [1..360000]; $map([1..40000], function() { $count($sort($a)) }))",
        "[1..360000]{$string($): $}",
        "$map([1..40000], function() { $hash($states.input.long, 'SHA-512') })",
        "$map([1..40000], function() { $parse('[' & $join($map([1..9000], $string), ',') & ']') })",
    ]));
}

#[test]
fn regular_expressions_that_never_end_end() {
    ends(texts([
        "$contains($states.input.long & 'b', /^(a|a)*$/)",
        "$contains($states.input.long, /a*b/)",
        "$match($states.input.long, /(a*)*\\1b/)",
        "$split($states.input.long, /(a+)+b/)",
        "$match($states.input.long, /a/)",
        "$split($states.input.long, /a/)",
        "$replace($states.input.long, /a/, 'b')",
        "$replace($states.input.long, /a/, function($m) { 'b' })",
        "$match($states.input.long, /(x)?a/)",
        "$match($states.input.long, /a(?=(a|aa){0,9}b|)/)",
        "($m := /a/; $f := function($t) { $exists($t) ? $f($t.next()) }; $f($m($states.input.long)))",
        "($m := function($s) { ($n := function() { {'match': 'a', 'start': 1, 'end': 2, 'groups': [], 'next': $n} }; $n()) }; $split($states.input.long, $m))",
    ]));
}

#[test]
fn orders_of_much_end() {
    ends(texts([
        "$sort($map([1..360000], function() { $states.input.long }))",
        "($k := $states.input.long; $sort($map([1..40000], function() { $k }), function($l, $r) { $l > $r }))",
        "($k := $states.input.long; [1..4000]^($k))",
        "[1..4000]^($states.input.long)",
        "[1..40000]^($pad('a', $))",
        "($a := [1..360000]; $map([1..10], function() { $a^($) }))",
        "($a := $map([1..100000], $string); $map([1..100], function() { $sort($a) }))",
        "$sort($shuffle([1..360000]), function($l, $r) { $l > $r })",
        "($k := $states.input.long; $map([1..4000], function() { $k > $k }))",
        "($n := $states.input.numbers; $map([1..4000], function() { $sum($n) }))",
        "($k := $states.input.long; $map([1..40000], function() { $substring($k, 1, 1) }))",
        "($k := $states.input.long; $map([1..40000], function() { $uppercase($k) = $k }))",
        "($k := $states.input.long; $map([1..40000], function() { $k ~> $trim ~> $length }))",
        "($f := function($n) { $f($n + 1) }; $f(1))",
        "$map([1..300000], function($n) { $n * 2 + 1 })",
        "$reduce([1..300000], function($a, $n) { $a + $n })",
    ]));
}

#[test]
fn many_values_are_told_apart_in_time() {
    let input = json!({"numbers": (0..40_000).collect::<Vec<u32>>()});
    for expression in [
        "$count($distinct($states.input.numbers)) = 40000",
        "$count($keys($merge($states.input.numbers[$ < 20000].{$string($): 1}))) = 20000",
    ] {
        assert_eq!(outcome(expression, &input), Outcome::Value, "{expression}");
    }
}
