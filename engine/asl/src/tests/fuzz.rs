//! Random paths, calls, templates and inputs: whatever is read has a value or an error, never a panic, and
//! never takes or makes more than its budget. A second or two by default; `FUZZ_SECONDS` makes it longer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::budget::MOST_STEPS;
use crate::context::Part;
use crate::payload::Payload;
use crate::tests::Outside;
use crate::{Budget, Call, Made, Path, Raised, Scope, Template};

/// The numbers of a seed, one after the other (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        usize::try_from((mixed ^ (mixed >> 27)) >> 33).unwrap() % sides
    }

    fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.roll(from.len())]
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.roll(if depth == 0 { 5 } else { 9 }) {
            0 => Value::from(self.roll(5)),
            1 => self
                .pick(&["", "a", "b", "5", "x,y", "{}", "[1", "\u{1F680}\n'\"\\", "SHA-1"])
                .into(),
            2 => json!([null, true, 1.5, -1e300, u64::MAX, i64::MIN])[self.roll(6)].take(),
            3 => "long ".repeat(self.roll(300)).into(),
            4 => Value::Null,
            5 | 6 => (0..self.roll(6)).map(|_| self.value(depth - 1)).collect(),
            _ => ["a", "b", "c d", ""]
                .iter()
                .take(self.roll(5))
                .map(|name| ((*name).to_owned(), self.value(depth - 1)))
                .collect(),
        }
    }

    fn steps(&mut self, depth: usize) -> String {
        let mut steps = String::new();
        for _ in 0..self.roll(4) {
            match self.roll(if depth == 0 { 9 } else { 12 }) {
                0 | 1 => steps.push_str(self.pick(&[".a", ".b", "['c d']", "..a", "..['a','b']"])),
                2 | 3 => {
                    steps.push_str(self.pick(&["[0]", "[-1]", "[0,1]", "[1:]", "[:-1]", "[9:2]"]));
                }
                4 | 5 => steps.push_str(self.pick(&["[*]", ".*", "..*", "..[0]", "..[-2:]"])),
                6 => steps.push_str(self.pick(&["['a','b']", "[(@.length-1)]", ".", "["])),
                7 => steps.push_str(self.pick(&[".length()", ".sum()", ".keys()", ".last()"])),
                8 => steps.push_str(self.pick(&["['", "\\", "\u{e9}", "['\\u0041']", "(", "]"])),
                9 => {
                    let function = self.pick(&["concat", "append", "index", "sum", "nothing"]);
                    steps.extend([".", function, "(", &self.operand(depth - 1), ")"]);
                }
                _ => steps.extend(["[?(", &self.condition(depth - 1), ")]"]),
            }
        }
        steps
    }

    fn path(&mut self, depth: usize) -> String {
        let root = self.pick(&["$", "$", "$", "$$", "$v", "$none", ""]);
        format!("{root}{}", self.steps(depth))
    }

    fn operand(&mut self, depth: usize) -> String {
        match self.roll(4) {
            0 => self.path(depth),
            1 => self.pick(&["1", "'a'", "null", "true", "[1,['a'],{'a':1}]", "'", "-"]).to_owned(),
            _ => format!("@{}", self.steps(depth)),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        const OPERATORS: [&str; 17] = [
            "==", "!=", "===", "!==", "<", ">=", "in", "nin", "contains", "all", "subsetof",
            "anyof", "noneof", "size", "EMPTY", "=~", "like",
        ];
        match self.roll(if depth == 0 { 4 } else { 7 }) {
            0 => format!("@{}", self.steps(depth)),
            1 => {
                let pattern =
                    self.pick(&["/a.*/", "/(a*)*b/i", "/[^x]{2,}/s", "/(?=a)/", "/(/", "/"]);
                format!("{} =~ {pattern}", self.operand(depth))
            }
            2 | 3 => {
                let operator = self.pick(&OPERATORS);
                format!("{} {operator} {}", self.operand(depth), self.operand(depth))
            }
            4 => format!("!({})", self.condition(depth - 1)),
            _ => {
                let and = self.pick(&["&&", "||", "&"]);
                format!("{} {and} {}", self.condition(depth - 1), self.condition(depth - 1))
            }
        }
    }

    fn call(&mut self, depth: usize) -> String {
        const NAMES: [&str; 19] = [
            "Array",
            "ArrayContains",
            "ArrayGetItem",
            "ArrayLength",
            "ArrayPartition",
            "ArrayRange",
            "ArrayUnique",
            "Base64Decode",
            "Base64Encode",
            "Format",
            "Hash",
            "JsonMerge",
            "JsonToString",
            "MathAdd",
            "MathRandom",
            "StringSplit",
            "StringToJson",
            "UUID",
            "Nothing",
        ];
        let name = self.pick(&NAMES);
        let arguments: Vec<String> = (0..self.roll(4)).map(|_| self.argument(depth)).collect();
        format!("States.{name}({})", arguments.join(self.pick(&[",", ", ", ",", ", ", " "])))
    }

    fn argument(&mut self, depth: usize) -> String {
        match self.roll(if depth == 0 { 4 } else { 7 }) {
            0 | 1 => self.path(1),
            2 => self.pick(&["0", "1", "2.5", "-3", "1e999", "null", "false", "x", ""]).to_owned(),
            3 => self
                .pick(&["'{}'", "'{}{}'", "'a,b'", "'\\{\\}'", "'MD5'", "'[1]'", "'\\n'", "'"])
                .to_owned(),
            _ => self.call(depth - 1),
        }
    }
}

/// One evaluation; whether what it should evaluate could be read. A failure tells the seed.
fn round(seed: u64) -> bool {
    let mut dice = Dice(seed);
    let (input, item, variable) = (dice.value(5), dice.value(3), dice.value(3));
    let context = || Part::Object(vec![("a", Part::Data(&item)), ("b", Part::Number(1))]);
    let mut outside = Outside::default();
    outside.variables.assign([("v", Payload::from_value(variable).unwrap())]);
    let bytes = 1 << dice.roll(16);
    outside.budget = Budget::of(bytes, Made::Result);
    let scope = outside.scope(&input, &context);
    let text = if dice.roll(2) == 0 { dice.path(3) } else { dice.call(3) };
    let template = json!({"a": [dice.value(2), {"b.$": text}], "c.$": dice.path(2)});
    let found = match Template::parse(&template) {
        Ok(template) => template.evaluate(&scope),
        Err(_) => return alone(&text, &scope),
    };
    match found {
        Ok(value) => {
            let size = Payload::from_value(value).map_or(0, |payload| payload.size_bytes());
            // The escapes of a text are not weighed.
            assert!(size <= 7 * bytes, "seed {seed}: {template} has {size} bytes of {bytes}");
        }
        Err(error) => assert!(
            !error.cause.is_empty() || error.raised == Raised::DataLimit(Made::Result),
            "seed {seed}: {template} fails without a word"
        ),
    }
    let steps = outside.budget.steps();
    assert!(steps < 2 * MOST_STEPS, "seed {seed}: {template} takes {steps} steps");
    true
}

/// Whether the text alone can be read; then it is evaluated.
fn alone(text: &str, scope: &Scope<'_>) -> bool {
    match (Path::parse(text), Call::parse(text)) {
        (Ok(path), _) => {
            let found = path.lookup(scope).map(|found| found.is_some());
            assert!(
                found.is_err() || path.evaluate(scope).is_ok() <= (found == Ok(true)),
                "{text}"
            );
            true
        }
        (_, Ok(call)) => {
            _ = call.evaluate(scope);
            true
        }
        (Err(path), Err(call)) => {
            assert!(!path.message.is_empty() && !call.message.is_empty(), "{text}");
            false
        }
    }
}

#[test]
fn whatever_is_evaluated_ends_within_its_budget() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let (mut seed, mut read) = (0, 0);
    match seconds {
        None => {
            for _ in 0..6_000 {
                seed += 1;
                read += u64::from(round(seed));
            }
        }
        Some(seconds) => {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(seconds) {
                seed += 1;
                read += u64::from(round(seed));
            }
        }
    }
    assert!(3 * read > seed, "only {read} of {seed} could be read");
}
