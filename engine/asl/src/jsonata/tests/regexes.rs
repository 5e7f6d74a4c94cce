//! Regular expressions give what JSONata has them give, whoever matches, and every step counts.

use serde_json::{Value, json};

use super::{evaluate, fails, gives};

#[test]
fn what_is_found_is_what_jsonata_finds() {
    gives(
        "$match('äb12cd3', /([a-z])(\\d+)/)",
        json!([
            {"match": "b12", "index": 1, "groups": ["b", "12"]},
            {"match": "d3", "index": 5, "groups": ["d", "3"]}
        ]),
    );
    gives("$match('😀b', /B/i)", json!({"match": "b", "index": 2, "groups": []}));
    gives("$match('aaa', /a/, 2).index", json!([0, 1]));
    gives("$match('b', /(x)?(b)/).groups[1]", json!("b"));
    gives("$exists($match('b', /(x)?b/).groups[0])", json!(false));
    gives("$count($match('abc', /x/))", json!(0));
    gives("'a1' ~> $contains(/\\d/) and $not($contains('a', /\\d/))", json!(true));
    gives("$split('a1b22c', /\\d+/)", json!(["a", "b", "c"]));
    gives("$split('a1b22c', /\\d+/, 1)", json!(["a"]));
    gives("$split('abc', /\\d+/)", json!(["abc"]));
    gives("$split('abc', /b/, 0)", json!([]));
    gives(
        "$replace('John Smith', /(\\w+)\\s(\\w+)/, '$2, $1: $0 $$ $3 $')",
        json!("Smith, John: John Smith $  $"),
    );
    gives(
        "$replace('abcdefghijklm', /(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)/, '$11-$1-$12')",
        json!("k-a-a2lm"),
    );
    gives("$replace('aaa', /a/, 'b', 2)", json!("bba"));
    gives(
        "$replace('a1b2', /\\d/, function($m) { $string($number($m.match) * 2) })",
        json!("a2b4"),
    );
    fails(
        "$match('ab', /x*/)",
        "threw an error during evaluation. D1004: Regular expression matches zero length string",
    );
}

#[test]
fn a_literal_is_a_function_as_before() {
    gives("$type(/a/)", json!("function"));
    gives(
        "/a(.)/('xab').{'m': match, 'at': [start, end], 'g': groups}",
        json!({"m": "ab", "at": [1, 3], "g": ["b"]}),
    );
    gives("/a/('aXa').next().start", json!(2));
    gives("$exists(/a/('a').next())", json!(false));
    gives("($r := /[,;] */; $split('a, b;c', $r))", json!(["a", "b", "c"]));
    gives("$map(['a1', 'b'], $contains(?, /\\d/))", json!([true, false]));
    gives("$filter(['a1', 'b'], /\\d/)", json!("a1"));
    gives(
        "($m := function($s) { $s = 'ab' ? {'match': 'b', 'start': 1, 'end': 2, 'groups': [], 'next': function() { $nothing }} }; $split('ab', $m))",
        json!(["a", ""]),
    );
    fails(
        "$match('a', /a{2,1}/)",
        "threw an error during evaluation. S0302: No terminating / in regular expression",
    );
}

#[test]
fn a_long_text_is_matched_in_time_linear_in_it() {
    let lines = "0123456789abcdef0123456789abcde\n".repeat(8_000);
    let input: Value = json!({ "lines": lines });
    assert_eq!(evaluate("$count($split($states.input.lines, /\\n/))", &input), Ok(json!(8_001)));
    assert_eq!(evaluate("$count($match($states.input.lines, /f.+\\n/))", &input), Ok(json!(8_000)));
}
