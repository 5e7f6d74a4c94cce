//! Mutated expressions: none panics, hangs or gives more than it may. For seconds, or as many as
//! `FUZZ_SECONDS` says.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::jsonata::chance::Chance;
use crate::jsonata::{Query, Sees};
use crate::tests::Outside;
use crate::{Budget, Made, Part};

/// What expressions are made of.
const SEEDS: [&str; 20] = [
    "$states.input.items[price > 10].{'name': name, 'total': price * count}",
    "$sum($states.input.items.(price * count)) ~> $round(2)",
    "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(10))",
    "$states.input.items^(>price, name)[0..2].name",
    "$map($states.input.items, function($v, $i, $a) { $v.name & $string($i) & $count($a) })",
    "$reduce([1..5], function($a, $b) { $a * $b }, 1)",
    "$states.input.items{name: $sum(price)}",
    "$replace('a-b-c', /-(.)/, function($m) { $m.groups[0] })",
    "$split($states.input.text, /[ ,]+/)[-1] ~> $uppercase",
    "$states.input.items@$i#$p[$p > 0].{'i': $i.name, 'p': $p}",
    "$states.input.**.name ~> $distinct ~> $sort",
    "$states.input ~> |items|{'seen': true}, ['price']|",
    "$merge([$states.input, {'now': $now('[Y]-[M01]'), 'at': $toMillis('2020-01-01')}])",
    "$formatNumber(1234.5, '#,##0.00') & $formatInteger(7, 'w')",
    "$states.context.State.Name in ['Do', 'Done'] ? $partition([1..7], 3) : $range(1, 9, 2)",
    "$hash($string($states.input), 'SHA-256') & $uuid() & $random(7)",
    "$parse('{\"a\": [1, null, true, \"x\"]}').a.%",
    "$keys($states.input).$lookup($states.input.items[0], $)",
    "$each($states.input, function($v, $k) { $k & ':' & $type($v) }) ~> $join('; ')",
    "$match('ab12cd', /([a-z]+)([0-9]+)/i).{'m': match, 'g': groups[1]} /* c */",
];

#[test]
fn no_mutation_panics_or_gives_too_much() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|it| it.parse().ok()).unwrap_or(3);
    let input = json!({"text": "a, b", "items": [
        {"name": "x", "price": 12.5, "count": 2}, {"name": "y", "price": 3, "count": null}
    ]});
    let tokens: Vec<Vec<&str>> = SEEDS.iter().map(|seed| tokens(seed)).collect();
    // As the other tests do, these begin at the same place each time.
    let mut chance = Chance(seconds);
    let started = Instant::now();
    let (mut tried, mut evaluated) = (0, 0);
    while started.elapsed() < Duration::from_secs(seconds) {
        tried += 1;
        evaluated += usize::from(try_one(&mutation(&tokens, &mut chance), &input));
    }
    assert!(evaluated * 20 > tried, "of {tried} only {evaluated} were evaluated");
}

/// Whether the expression was evaluated, with a value or an error.
fn try_one(expression: &str, input: &Value) -> bool {
    const MOST: usize = 256 << 10;
    let sees = Sees { result: false, error_output: true };
    let Ok(query) = Query::parse(&format!("{{%{expression}%}}"), "Output", sees) else {
        return false;
    };
    let mut outside = Outside::default();
    outside.budget = Budget::of(MOST, Made::Result);
    let context = || {
        let state = Part::Object(vec![("Name", Part::Text("Do".into()))]);
        Part::Object(vec![("State", state)])
    };
    if let Ok(value) = query.evaluate(&outside.scope(input, &context)) {
        assert!(value.to_string().len() <= 2 * MOST, "{expression}");
    }
    true
}

fn mutation(tokens: &[Vec<&str>], chance: &mut Chance) -> String {
    let pick = |chance: &mut Chance, most: usize| {
        usize::try_from(chance.draw() % most.max(1) as u64).unwrap()
    };
    let seed = pick(chance, tokens.len());
    let mut made = tokens[seed].clone();
    for _ in 0..=pick(chance, 3) {
        let other = &tokens[pick(chance, tokens.len())];
        let from = pick(chance, other.len());
        let at = pick(chance, made.len());
        match pick(chance, 5) {
            0 => made.insert(at, other[from]),
            1 if made.len() > 1 => {
                made.remove(at);
            }
            2 => made[at] = other[from],
            3 => {
                let with = pick(chance, made.len());
                made.swap(at, with);
            }
            _ => {
                let piece = other[from..(from + 1 + pick(chance, 8)).min(other.len())].to_vec();
                made.splice(at..at, piece);
            }
        }
    }
    made.join("")
}

/// Words, and every other character by itself.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '$';
        let end = match rest.find(|letter| !is_word(letter)) {
            _ if !is_word(first) => first.len_utf8(),
            Some(end) => end,
            None => rest.len(),
        };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after;
    }
    tokens
}
