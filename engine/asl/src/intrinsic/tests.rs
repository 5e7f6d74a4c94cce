//! What the intrinsic functions give, by tables.

use serde_json::{Value, json};

use super::{Call, FUNCTIONS};
use crate::context::Part;
use crate::payload::Payload;
use crate::tests::Outside;
use crate::{Budget, Made, Raised};

fn input() -> Value {
    json!({
        "a": "x", "n": 2, "f": 1.5, "t": true, "nil": null, "o": {"k": 1, "l": [true, null]},
        "list": [1, 2, 3, 4, 5], "empty": [], "b": {"k": 9, "z": 2}, "template": "{} and {}",
        "algorithm": "MD5", "json": "{\"a\": [1, 2.5]}", "big": 1e10, "eps": "\u{2713}"
    })
}

/// The value as JSON, or after `!` what went wrong, without the sentence that every failure has.
fn outcome(call: &str) -> String {
    let outside = Outside::default();
    let item = json!({"id": 7});
    let context = || {
        let id = Part::Object(vec![("Id", Part::Text("e-1".into())), ("Input", Part::Data(&item))]);
        Part::Object(vec![("Execution", id)])
    };
    match Call::parse(call) {
        Err(error) => format!("? {}", error.message),
        Ok(parsed) => match parsed.evaluate(&outside.scope(&input(), &context)) {
            Ok(value) => value.to_string(),
            Err(error) => {
                assert_eq!(error.raised, Raised::Runtime, "{call}");
                let sentence = format!(
                    "There was an error while evaluating the intrinsic function: {}. ",
                    call.trim_end()
                );
                format!("! {}", error.cause.strip_prefix(&sentence).unwrap_or(&error.cause))
            }
        },
    }
}

/// Lines of `call → value`, or `! why` or `? mistake`.
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (call, expected) = line.split_once(" → ").unwrap();
        assert_eq!(outcome(call), expected, "{line}");
    }
}

#[test]
fn arguments_are_literals_paths_and_calls() {
    check(
        r#"
        States.Array() → []
        States.Array(42, -1.5, true, null, 'hi') → [42,-1.5,true,null,"hi"]
        States.Array('it\'s \{a\} \\') → ["it's {a} \\"]
        States.Array($.o, $.list[1:], $['a'], $$.Execution.Id) → [{"k":1,"l":[true,null]},[2,3,4,5],"x","e-1"]
        States.Array($.list[?(@ > 3)], $.o['k'] ,1) → [[4,5],1,1]
        States.Array( 1 , States.Array(2,3) )   → [1,[2,3]]
        States.Array($$.Execution.Input.id) → [7]
        States.Array($.list.length()) → [5]
        "#,
    );
}

#[test]
fn what_is_no_call_is_refused() {
    check(
        r#"
        States.UUID( → ? expected an argument, found the end at byte 12 of `States.UUID(`
        States.UUID) → ? expected `(`, found `)` at byte 11 of `States.UUID)`
        States.UUID(,) → ? expected an argument, found `,` at byte 12 of `States.UUID(,)`
        States.UUID() trailing → ? expected the end, found `t` at byte 14 of `States.UUID() trailing`
        States.Uuid() → ? `States.Uuid` is no intrinsic function at byte 0 of `States.Uuid()`
        States.Array(1 2) → ? expected `,` or `)`, found `2` at byte 15 of `States.Array(1 2)`
        States.Array('a) → ? expected the closing quote, found the end at byte 16 of `States.Array('a)`
        States.Array('\n') → ? expected `'`, `{`, `}` or `\` after `\`, found `n` at byte 15 of `States.Array('\n')`
        States.Array('\"') → ? expected `'`, `{`, `}` or `\` after `\`, found `"` at byte 15 of `States.Array('\"')`
        States.Array("a") → ? expected an argument, found `"` at byte 13 of `States.Array("a")`
        States.Array($.a[) → ? expected an index, a slice, a quoted name, `*` or `?(`, found `)` at byte 4 of `$.a[)`
        States.Array($.a.distinct()) → ? the function `distinct()` is not supported at byte 12 of `$.a.distinct())`
        "#,
    );
    let nested = |deep: usize| format!("{}{}", "States.Array(".repeat(deep), ")".repeat(deep));
    assert_eq!(outcome(&nested(10)), "[[[[[[[[[[]]]]]]]]]]");
    let message = format!("? calls are nested more than 10 deep at byte 130 of `{}`", nested(11));
    assert_eq!(outcome(&nested(11)), message);
    let long = format!("States.Array('{}')", "x".repeat(10_240));
    assert_eq!(outcome(&long), "? a call is at most 10240 bytes long, this has 10256");
}

#[test]
fn a_path_that_leads_nowhere_is_told_with_the_whole_call() {
    for call in ["States.Hash($.no, 'MD5')", "States.Array(States.ArrayLength($.no))"] {
        let text = format!(
            "! The function '{call}' had the following error: The JsonPath argument for the field \
             '$.no' could not be found in the input '{}'",
            input()
        );
        assert_eq!(outcome(call), text);
    }
}

#[test]
fn a_failure_names_the_function_that_failed() {
    check(
        "
        States.Array(States.ArrayLength('x')) → ! Invalid arguments in States.ArrayLength
        States.ArrayLength(States.Array(), 1) → ! Invalid arguments in States.ArrayLength
        ",
    );
}

#[test]
fn functions_of_arrays() {
    check(
        r#"
        States.ArrayPartition($.list, 4) → [[1,2,3,4],[5]]
        States.ArrayPartition($.list, 2.6) → [[1,2],[3,4],[5]]
        States.ArrayPartition($.empty, 2) → []
        States.ArrayPartition($.list, 0.6) → ! Invalid arguments in States.ArrayPartition
        States.ArrayPartition($.list, -1) → ! Invalid arguments in States.ArrayPartition
        States.ArrayPartition($.list, '2') → ! Invalid arguments in States.ArrayPartition
        States.ArrayPartition($.a, 2) → ! Invalid arguments in States.ArrayPartition
        States.ArrayContains($.list, 2) → true
        States.ArrayContains($.list, '2') → true
        States.ArrayContains($.list, false) → false
        States.ArrayContains(States.Array($.o, null), $.o) → true
        States.ArrayContains(States.Array($.o, null), null) → true
        States.ArrayContains(States.Array($.b), States.JsonMerge($.b, $.b, false)) → false
        States.ArrayContains($.a, 1) → ! Invalid arguments in States.ArrayContains
        States.ArrayRange(1, 9, 3) → [1,4,7]
        States.ArrayRange(5.4, -0.6, -2.4) → [5,3,1]
        States.ArrayRange(3, 3, -1) → [3]
        States.ArrayRange(1, 5, -1) → []
        States.ArrayRange(5, 1, 1) → []
        States.ArrayRange(1, 5, 0.49) → ! Invalid arguments in States.ArrayRange
        States.ArrayRange(1, 1001, 1) → ! Invalid arguments in States.ArrayRange
        States.ArrayRange(1001, 1, -1) → ! Invalid arguments in States.ArrayRange
        States.ArrayRange(-2147483648, 2147483647, 1) → ! Invalid arguments in States.ArrayRange
        States.ArrayRange(0, 3000000000, 1) → ! Invalid arguments in States.ArrayRange
        States.ArrayLength(States.ArrayRange(1, 1000, 1)) → 1000
        States.ArrayGetItem($.list, 0) → 1
        States.ArrayGetItem($.list, 1.9) → 2
        States.ArrayGetItem(States.Array($.o, 1), 0) → {"k":1,"l":[true,null]}
        States.ArrayGetItem($.list, 5) → ! Invalid arguments in States.ArrayGetItem
        States.ArrayGetItem($.list, -1) → ! Invalid arguments in States.ArrayGetItem
        States.ArrayGetItem($.list, '1') → ! Invalid arguments in States.ArrayGetItem
        States.ArrayGetItem($.empty, 999) → null
        States.ArrayLength($.empty) → 0
        States.ArrayLength($.o) → ! Invalid arguments in States.ArrayLength
        States.ArrayUnique(States.Array(true, false, true)) → [false,true]
        States.ArrayUnique(States.Array(1, '1', 1, '01')) → [1,"1","01"]
        States.ArrayUnique($.o) → ! Invalid arguments in States.ArrayUnique
        "#,
    );
}

#[test]
fn functions_of_texts() {
    check(
        r#"
        States.Format('{}/{}/{}/{}', $.a, $.n, $.t, $.nil) → "x/2/true/null"
        States.Format('{}', $.o) → "{k=1, l=[true, null]}"
        States.Format('{} {}', $.f, $.big) → "1.5 1.0E10"
        States.Format('\{\'{}\'\} \\', $.a) → "{'x'} \\"
        States.Format($.template, 1, 2) → "1 and 2"
        States.Format('plain') → "plain"
        States.Format('{}') → ! Invalid arguments in States.Format
        States.Format('x', 1) → ! Invalid arguments in States.Format
        States.Format() → ! Invalid arguments in States.Format
        States.Format(1) → ! Invalid arguments in States.Format
        States.Format('{') → ! Invalid template in States.Format: matching '}' not found for '{'.
        States.Format('{{}}', 1) → ! Invalid template in States.Format: matching '}' not found for '{'.
        States.Format('}') → ! Invalid template in States.Format: matching '{' not found for '}'.
        States.StringSplit('1+2,3.4', '.+,') → ["1","2","3","4"]
        States.StringSplit(',a,,b,', ',') → ["a","b"]
        States.StringSplit('', ',') → []
        States.StringSplit('abc', '') → ["abc"]
        States.StringSplit('1\\2', '\\') → ["1","2"]
        States.StringSplit($.n, ',') → ! Invalid arguments in States.StringSplit
        States.StringSplit('a', $.nil) → ! Invalid arguments in States.StringSplit
        States.Base64Encode('Data to encode') → "RGF0YSB0byBlbmNvZGU="
        States.Base64Encode('') → ""
        States.Base64Encode($.n) → ! Invalid arguments in States.Base64Encode
        States.Base64Decode('4pyT') → "✓"
        States.Base64Decode(' YWJj!ZA== ') → "abcd"
        States.Base64Decode('abc') → "i�"
        States.Base64Decode('YQ==cd') → "a"
        States.Base64Decode('8J-agA') → "🚀"
        States.Base64Decode('YWJjZ') → "abc"
        States.Base64Decode($.o) → ! Invalid arguments in States.Base64Decode
        "#,
    );
}

#[test]
fn hashes_are_of_texts() {
    check(
        r#"
        States.Hash('hello', 'MD5') → "5d41402abc4b2a76b9719d911017c592"
        States.Hash('hello', 'SHA-1') → "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
        States.Hash($.eps, 'SHA-256') → "1dabba21cdad44541f6b15796f8d22978fc7ea10c46aeceeeeb66c23b3ac7604"
        States.Hash('hello', 'SHA-384') → "59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f"
        States.Hash('hello', 'SHA-512') → "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"
        States.Hash(123, $.algorithm) → "202cb962ac59075b964b07152d234b70"
        States.Hash('x', 'SHA256') → ! Invalid arguments in States.Hash
        States.Hash('x', 'md5') → ! Invalid arguments in States.Hash
        States.Hash(null, 'MD5') → ! Invalid arguments in States.Hash
        States.Hash('x', 'MD5', 'y') → ! Invalid arguments in States.Hash
        "#,
    );
}

#[test]
fn texts_to_encode_and_hash_have_ten_thousand_characters_at_most() {
    let outcome = |function: &str, count: usize| {
        let outside = Outside::default();
        let input = json!({"s": "\u{e9}".repeat(count)});
        let context = || Part::Data(&Value::Null);
        let call = Call::parse(&format!("States.{function}")).unwrap();
        call.evaluate(&outside.scope(&input, &context)).is_ok()
    };
    for function in ["Base64Encode($.s)", "Base64Decode($.s)", "Hash($.s, 'MD5')"] {
        assert!(outcome(function, 10_000), "{function}");
        assert!(!outcome(function, 10_001), "{function}");
    }
}

#[test]
fn functions_of_json() {
    check(
        r#"
        States.StringToJson($.json) → {"a":[1,2.5]}
        States.StringToJson(' true ') → true
        States.StringToJson('') → null
        States.StringToJson('1 2') → 1
        States.StringToJson($.n) → ! Invalid arguments in States.StringToJson
        States.StringToJson() → ! Invalid arguments in States.StringToJson
        States.JsonToString($.o) → "{\"k\":1,\"l\":[true,null]}"
        States.JsonToString('hi') → "\"hi\""
        States.JsonToString($.big) → "1.0E10"
        States.JsonToString() → ! Invalid arguments in States.JsonToString: only a single argument is allowed.
        States.JsonToString(1, 2) → ! Invalid arguments in States.JsonToString: only a single argument is allowed.
        States.JsonMerge($.o, $.b, false) → {"z":2,"k":9,"l":[true,null]}
        States.JsonMerge($.o, $.b, 'false') → {"z":2,"k":9,"l":[true,null]}
        States.JsonMerge($.o, $.b, true) → ! Invalid arguments in States.JsonMerge
        States.JsonMerge($.o, $.b) → ! Invalid arguments in States.JsonMerge
        States.JsonMerge($.o, 1, false) → ! Invalid arguments in States.JsonMerge
        "#,
    );
}

#[test]
fn what_is_not_json_is_told_in_the_words_of_jackson() {
    const AT: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column:";
    for (text, why, column) in [
        (r#"{"a":1"#, format!("Unexpected end-of-input: expected close marker for Object (start marker at {AT} 1])"), 7),
        ("undefined", "Unrecognized token 'undefined': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')".to_owned(), 10),
        ("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries".to_owned(), 5),
    ] {
        let expected = format!("! Cannot convert String to Json in States.StringToJson, caused by: {why}\n at {AT} {column}]");
        assert_eq!(outcome(&format!("States.StringToJson('{}')", text.replace('{', "\\{"))), expected);
    }
}

#[test]
fn numbers_are_rounded_or_cut_off() {
    check(
        "
        States.MathAdd(5, -8) → -3
        States.MathAdd(1.49, 1.5) → 3
        States.MathAdd(-1.49, -1.5) → -2
        States.MathAdd(-1.5, -1.51) → -3
        States.MathAdd(-2.5, 0) → -2
        States.MathAdd(-0.5, 0) → 0
        States.MathAdd(0.1, 0.2) → 0
        States.MathAdd(2147483647, 0) → 2147483647
        States.MathAdd(2147483647, 1) → ! Invalid arguments in States.MathAdd
        States.MathAdd(-2147483647, -1) → -2147483648
        States.MathAdd(3000000000, 1) → ! Invalid arguments in States.MathAdd
        States.MathAdd(1e309, 1) → 0
        States.MathAdd('a', 1) → ! Invalid arguments in States.MathAdd
        States.MathAdd(true, 1) → ! Invalid arguments in States.MathAdd
        States.MathAdd(1, 2, 3) → ! Invalid arguments in States.MathAdd
        ",
    );
}

#[test]
fn chance_draws_numbers_and_identifiers() {
    check(
        "
        States.MathRandom(1, 10, -10) → 1
        States.MathRandom(2147483640, 2147483647, 1) → 2147483644
        States.MathRandom(1, 1) → ! Invalid arguments in States.MathRandom
        States.MathRandom(1.49, 1.6) → ! Invalid arguments in States.MathRandom
        States.MathRandom(1, 10, null) → ! Invalid arguments in States.MathRandom
        States.MathRandom('a', 10) → ! Invalid arguments in States.MathRandom
        States.MathRandom(1) → ! Invalid arguments in States.MathRandom
        States.MathRandom(1, 2, 3, 4) → ! Invalid arguments in States.MathRandom
        States.MathRandom(-2147483648, 2147483647) → ! Invalid arguments in States.MathRandom
        ",
    );
    let outside = Outside::default();
    let context = || Part::Data(&Value::Null);
    let scope = outside.scope(&Value::Null, &context);
    let call = Call::parse("States.MathRandom(1.6, 5.4)").unwrap();
    let mut drawn: Vec<i64> =
        (0..200).map(|_| call.evaluate(&scope).unwrap().as_i64().unwrap()).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn, [1, 2, 3, 4]);
    let call = Call::parse("States.UUID('ignored')").unwrap();
    let uuids = [(); 2].map(|()| call.evaluate(&scope).unwrap().as_str().unwrap().to_owned());
    assert_ne!(uuids[0], uuids[1]);
    for uuid in uuids {
        let version_and_variant = (&uuid[14..15], "89ab".contains(&uuid[19..20]));
        assert_eq!((uuid.len(), version_and_variant), (36, ("4", true)), "{uuid}");
    }
}

#[test]
fn values_within_a_call_do_not_count_as_parts_of_the_value() {
    let input = json!({"s": "x".repeat(900)});
    let context = || Part::Data(&Value::Null);
    let mut outside = Outside::default();
    outside.budget = Budget::of(1_000, Made::Result);
    let scope = outside.scope(&input, &context);
    let evaluate = |call: &str| Call::parse(call).unwrap().evaluate(&scope);
    let halved = "States.ArrayLength(States.Array($.s, $.s, $.s))";
    assert_eq!(evaluate(halved).unwrap(), json!(3));
    let doubled = evaluate("States.Format('{}{}', $.s, $.s)").unwrap_err();
    assert_eq!(doubled.raised, Raised::DataLimit(Made::Result));
}

#[test]
fn a_call_that_grows_ends_before_it_has_grown() {
    let mut call = "$.s".to_owned();
    for _ in 0..10 {
        call = format!("States.Format('{{}}{{}}{{}}{{}}', $.s, {call}, $.s, $.s)");
    }
    let input = json!({"s": "x".repeat(200_000)});
    let context = || Part::Data(&Value::Null);
    let outside = Outside::default();
    let call = Call::parse(&call).unwrap();
    let error = call.evaluate(&outside.scope(&input, &context)).unwrap_err();
    assert_eq!(error.raised, Raised::DataLimit(Made::Result));
}

#[test]
fn a_call_says_its_variables_and_its_function() {
    let call =
        Call::parse("States.Format('{}{}', $v, States.MathAdd($w.a, $.list[?(@ == $x)]))").unwrap();
    assert_eq!(call.variables(), ["v", "w", "x"]);
    assert_eq!(call.function(), "States.Format");
    let mut outside = Outside::default();
    outside.variables.assign([("v", Payload::from_text("[1]").unwrap())]);
    let context = || Part::Data(&Value::Null);
    let input = json!({});
    let call = Call::parse("States.ArrayGetItem($v, 0)").unwrap();
    assert_eq!(call.evaluate(&outside.scope(&input, &context)), Ok(json!(1)));
    let call = Call::parse("States.ArrayGetItem($w, 0)").unwrap();
    assert_eq!(
        call.evaluate(&outside.scope(&input, &context)).unwrap_err().cause,
        "The function 'States.ArrayGetItem($w, 0)' had the following error: The JsonPath argument \
         for the field '$w' could not be found in the input '{}'"
    );
}

#[test]
fn there_are_eighteen_and_each_gives_what_it_should() {
    let given: Vec<&str> = FUNCTIONS
        .iter()
        .map(|(name, _)| {
            let arguments = match *name {
                "States.Array" | "States.UUID" => "",
                "States.ArrayContains" | "States.ArrayGetItem" | "States.ArrayPartition" => {
                    "$.list, 2"
                }
                "States.ArrayLength" | "States.ArrayUnique" => "$.list",
                "States.ArrayRange" => "1, 2, 1",
                "States.Hash" => "'a', 'MD5'",
                "States.JsonMerge" => "$.o, $.b, false",
                "States.MathAdd" | "States.MathRandom" => "1, 2",
                "States.StringSplit" => "'a', 'b'",
                "States.StringToJson" => "$.json",
                _ => "'YQ=='",
            };
            match outcome(&format!("{name}({arguments})")).parse().unwrap() {
                Value::String(_) => "text",
                Value::Number(_) => "number",
                Value::Bool(_) => "boolean",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
                Value::Null => panic!("{name} gives null"),
            }
        })
        .collect();
    // `ArrayGetItem` and `StringToJson` give what is there.
    let items = [given[2], given[16]];
    assert_eq!(
        given,
        [
            "array", "boolean", items[0], "number", "array", "array", "array", "text", "text",
            "text", "text", "object", "text", "number", "number", "array", items[1], "text"
        ]
    );
}
