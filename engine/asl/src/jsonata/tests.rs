//! Expressions and what they give. What AWS recorded is replayed whole in `tests/conformance`.

mod fuzz;
mod hostile;
mod regexes;

use serde_json::{Value, json};

use super::{Query, Sees, Template, is_expression};
use crate::payload::Payload;
use crate::tests::Outside;
use crate::{EvaluationError, Part};

const EVERYTHING: Sees = Sees { result: true, error_output: true };

fn context<'a>() -> Part<'a> {
    let name =
        Part::Object(vec![("Name", Part::Text("Do".into())), ("RetryCount", Part::Number(0))]);
    Part::Object(vec![("State", name)])
}

#[track_caller]
fn query(expression: &str) -> Query {
    Query::parse(&format!("{{% {expression} %}}"), "Output", EVERYTHING)
        .unwrap_or_else(|refusals| panic!("{expression}: {refusals:?}"))
}

fn evaluate(expression: &str, input: &Value) -> Result<Value, EvaluationError> {
    let outside = Outside::default();
    query(expression).evaluate(&outside.scope(input, &context))
}

#[track_caller]
fn gives(expression: &str, expected: Value) {
    let input = json!({"a": [1, 2, 3], "one": [1], "none": [], "nested": [[1]], "text": "abc", "null": null});
    assert_eq!(evaluate(expression, &input), Ok(expected), "{expression}");
}

/// The expression fails, and AWS's text ends so.
#[track_caller]
fn fails(expression: &str, how: &str) {
    let cause = evaluate(expression, &json!({})).unwrap_err().cause;
    let start = format!("The JSONata expression '{expression}' specified for the field 'Output' ");
    assert_eq!(cause.strip_prefix(&start), Some(how));
}

#[track_caller]
fn refuses(expression: &str, expected: &[&str]) {
    let refusals =
        Query::parse(&format!("{{%{expression}%}}"), "Output", Sees::default()).unwrap_err();
    let found: Vec<String> =
        refusals.iter().map(|it| format!("{} {}", it.code.as_str(), it.message)).collect();
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn an_expression_fills_the_whole_text() {
    assert!(is_expression("{%1%}"));
    for text in [" {%1%}", "{%1%} ", "{%1", "{%}", "{ %1% }", "1"] {
        assert!(!is_expression(text), "{text}");
    }
}

#[test]
fn an_expression_sees_the_scope() {
    let (input, result, error) = (json!({"a": 1}), json!([2]), json!({"Error": "E"}));
    let mut outside = Outside::default();
    let payload = |value: Value| Payload::from_value(value).unwrap();
    outside.variables.assign([("x", payload(json!([[1]]))), ("range", payload(json!("mine")))]);
    let mut scope = outside.scope(&input, &context);
    scope.result = Some(&result);
    scope.error_output = Some(&error);
    let sees = |expression: &str| query(expression).evaluate(&scope).map_err(|it| it.cause);
    assert_eq!(sees("$states.input"), Ok(json!({"a": 1})));
    assert_eq!(sees("$states.result"), Ok(json!([2])));
    assert_eq!(sees("$states.errorOutput.Error"), Ok(json!("E")));
    assert_eq!(sees("$states.context.State.Name"), Ok(json!("Do")));
    assert_eq!(
        sees("$string($states.context)"),
        Ok(json!(r#"{"State":{"Name":"Do","RetryCount":0}}"#))
    );
    assert_eq!(sees("$x"), Ok(json!([[1]])));
    assert_eq!(sees("$range"), Ok(json!("mine")));
    assert_eq!(sees("$keys($states)"), Ok(json!(["input", "context", "result", "errorOutput"])));
    assert!(sees("$y").unwrap_err().ends_with("returned nothing (undefined)."));
}

#[test]
fn values_come_out_as_jsonata_has_them() {
    gives("$states.input.a", json!([1, 2, 3]));
    gives("$states.input.one", json!([1]));
    gives("$states.input.none", json!([]));
    gives("$states.input.nested", json!([[1]]));
    gives("$states.input.`null`", Value::Null);
    gives("$states.input.a[$ > 2]", json!(3));
    gives("$states.input.a[$ > 2][]", json!([3]));
    gives("$states.input.one[]", json!([1]));
    gives("1/4", json!(0.25));
    gives("-0", json!(0));
    gives("1e20", json!(1e20));
    gives("0/0", json!("NaN"));
    gives("1/0", json!("Infinity"));
    gives("(1 - 3) / (2 - 2)", json!("-Infinity"));
    gives("[1..3].($*2)", json!([2, 4, 6]));
    gives("$map([1,2], function($v) { $v + 1 })", json!([2, 3]));
    gives("($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(5))", json!(120));
    gives("/* x */ 1 /* y */", json!(1));
    gives("($states := 5; $states)", json!(5));
    gives("$variable := 1", json!(1));
    gives("$now()", json!("2023-11-14T22:13:20.000Z"));
    gives("$millis()", json!(1_700_000_000_000_i64));
    gives("$states.input.a[$not($exists($$))]", json!([1, 2, 3]));
}

#[test]
fn ranges_are_as_jsonata_has_them() {
    gives("[$states.input.a[0]..3]", json!([1, 2, 3]));
    gives("($x := 2; [0, $x..$x + 2, /* to */ 9])", json!([0, 2, 3, 4, 9]));
    gives("[[1..$count([1..5])][1] .. /* c */ $max([1..3]) ]", json!([2, 3]));
    gives("[3..$states.input.a[0]]", json!([]));
    gives("[$states.input.nothing..3]", json!([]));
    gives("$count([1..$count([1..5000])])", json!(5000));
    gives("[1..($string(2) ~> $match(/2/)).index + 2]", json!([1, 2]));
    gives("$sum([-2..$states.input.a[1]])", json!(0));
    fails(
        "[1..400000]",
        "threw an error during evaluation. Expression evaluation memory limit exceeded",
    );
    for (wrong, same) in [
        ("[[1..$count([1..5])]..2]", "['a'..2]"),
        ("[$number('1.5')..2]", "[1.5..2]"),
        ("[1..$states.context]", "[1..'b']"),
        ("[1..$number('1e8')]", "[1..100000000]"),
    ] {
        let cause = |expression: &str| {
            let cause = evaluate(expression, &json!({})).unwrap_err().cause;
            let (_, how) = cause.rsplit_once("'Output' ").unwrap();
            how.split(':').nth(1).unwrap_or(how).to_owned()
        };
        assert_eq!(cause(wrong), cause(same), "{wrong}");
    }
}

#[test]
fn functions_that_aws_added() {
    gives("$partition([1..5], 2)", json!([[1, 2], [3, 4], [5]]));
    gives("$partition([1..3])", json!([[1, 2, 3]]));
    gives("$partition([1..4], 4)", json!([[1, 2, 3, 4]]));
    gives("$partition([1..3], 2.9)", json!([[1, 2], [3]]));
    gives("$range(0, 10, 3)", json!([0, 3, 6, 9]));
    gives("$range(1, 9, 9)", json!(1));
    gives("$range(5.9, -1.2, -2.4)", json!([5, 3, 1, -1]));
    gives("$count($range(1, 1001, 1))", json!(1001));
    gives(
        "$hash('✓', 'SHA-256')",
        json!("1dabba21cdad44541f6b15796f8d22978fc7ea10c46aeceeeeb66c23b3ac7604"),
    );
    gives("$hash('', 'MD5')", json!("d41d8cd98f00b204e9800998ecf8427e"));
    gives("$hash('', 'SHA-1')", json!("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
    gives("$length($hash('', 'SHA-384'))", json!(96));
    gives("$length($hash('', 'SHA-512'))", json!(128));
    gives(
        "[$random(77), $random(77.9)]",
        json!([0.724_070_020_719_196_6, 0.724_070_020_719_196_6]),
    );
    gives("($a := $random(); $a >= 0 and $a < 1 and $a != $random())", json!(true));
    gives("$uuid() != $uuid()", json!(true));
    gives("$exists($match($uuid(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/))", json!(true));
    gives("$parse(' {\"a\": [-0, 1.5]} ')", json!({"a": [0, 1.5]}));
    gives("$map(['1', '2'], $parse)", json!([1, 2]));
}

#[test]
fn functions_that_aws_added_fail_with_its_texts() {
    let undefined = "returned nothing (undefined).";
    for expression in [
        "$partition([1], 0)",
        "$partition([1], 0.9)",
        "$partition($x, 1)",
        "$range(1, 10, 0)",
        "$range(1, 10, 0.49)",
        "$range(1, 5)",
        "$range(5, 1, 1)",
        "$parse()",
    ] {
        fails(expression, undefined);
    }
    let thrown = |expression, error: &str| {
        fails(expression, &format!("threw an error during evaluation. {error}"));
    };
    thrown("$partition([1], -1)", "D3137: Second argument must be zero or greater");
    thrown(
        "$partition('a', 1)",
        "T0412: Argument 1 of function \"partition\" must be an array of undefined",
    );
    thrown(
        "$partition([1], '2')",
        "T0410: Argument 2 of function \"partition\" does not match function signature",
    );
    thrown(
        "$range(1, 5, null)",
        "T0410: Argument 3 of function \"range\" does not match function signature",
    );
    thrown(
        "$range(1, 5, 1, 99)",
        "T0410: Argument 4 of function \"range\" does not match function signature",
    );
    thrown("$hash()", "T0410: Argument 1 of function \"hash\" does not match function signature");
    thrown(
        "$hash('a', 'sha')",
        "D3137: Hash algorithm 'sha' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5",
    );
    thrown(
        "$parse(null)",
        "T0410: Argument 1 of function \"parse\" does not match function signature",
    );
    thrown("$parse('')", "D3137: Invalid JSON");
    thrown(
        "$uuid('x')",
        "T0410: Argument 1 of function \"uuid\" does not match function signature",
    );
    thrown(
        "$uuid(1, 2)",
        "T0410: Argument 1 of function \"uuid\" does not match function signature",
    );
    thrown(
        "$random('seed')",
        "T0410: Argument 1 of function \"random\" does not match function signature",
    );
    thrown(
        "$random(77, 88)",
        "T0410: Argument 2 of function \"random\" does not match function signature",
    );
    thrown("$range(1, 360146, 1)", "Expression evaluation memory limit exceeded");
}

#[test]
fn what_has_no_value_fails_with_the_texts_of_aws() {
    fails("$states.input.x", "returned nothing (undefined).");
    fails("$unheard", "returned nothing (undefined).");
    fails("$sum", "returned an unsupported result type.");
    fails("function($x) { $x }", "returned an unsupported result type.");
    let thrown = |expression, error: &str| {
        fails(expression, &format!("threw an error during evaluation. {error}"));
    };
    thrown("'a' + 1", "T2001: The left side of the \"+\" operator must evaluate to a number");
    thrown("$eval('1')", "T1006: Attempted to invoke a non-function");
    thrown("$randomSeeded(1)", "T1006: Attempted to invoke a non-function");
    thrown("$error('mine')", "D3137: mine");
}

#[test]
fn what_a_state_has_not_is_refused() {
    let top = |name| {
        format!(
            "UNSUPPORTED_JSONATA_EXPRESSION Reference to '{name}' at the top level is not supported."
        )
    };
    let no =
        |name| format!("UNSUPPORTED_JSONATA_EXPRESSION Field '$states.{name}' does not exist.");
    refuses("phone", &[&top("phone")]);
    refuses("phone.number & $", &[&top("phone"), &top("$")]);
    refuses("$$.a", &[&top("$$")]);
    refuses("$map([1], function($v) { a })", &[&top("a")]);
    refuses("$states.result", &[&no("result")]);
    refuses("[$states.errorOutput.Error, $states.foo]", &[&no("errorOutput"), &no("foo")]);
    refuses("a[", &["INVALID_JSONATA_EXPRESSION S0203: Expected \"]\" before end of expression"]);
    refuses("", &["INVALID_JSONATA_EXPRESSION S0207: Unexpected end of expression"]);
    refuses("1); (2", &["INVALID_JSONATA_EXPRESSION S0201: Syntax error: \")\""]);
    refuses(
        "1 ?: 2",
        &["INVALID_JSONATA_EXPRESSION S0211: The symbol \":\" cannot be used as a unary operator"],
    );
    refuses(
        "1 ?? 2",
        &["INVALID_JSONATA_EXPRESSION S0211: The symbol \"?\" cannot be used as a unary operator"],
    );
}

#[test]
fn variables_are_those_it_does_not_bind() {
    let variables =
        |expression: &str| query(expression).variables().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(variables("$b + $a + $b"), ["b", "a"]);
    assert_eq!(variables("($a := $b; $a + $states.input.c)"), ["b"]);
    assert_eq!(variables("($f := function($n) { $f($n) + $m }; $sum($f(1)))"), ["m"]);
    assert_eq!(variables("$states.input.x@$i#$p[$i = $q].{'p': $p}"), ["q"]);
    assert_eq!(variables("($a := 1) + $a"), ["a"]);
}

#[test]
fn a_field_gets_the_type_it_needs() {
    let (input, outside) = (json!({}), Outside::default());
    let scope = outside.scope(&input, &context);
    let at = |location: &str, expression: &str| {
        Query::parse(&format!("{{%{expression}%}}"), location, Sees::default()).unwrap()
    };
    let integer = |expression| {
        at("TimeoutSeconds", expression).integer(&scope, 0..=99_999_999).map_err(|it| it.cause)
    };
    assert_eq!(integer("3"), Ok(3));
    assert_eq!(
        integer("-1").unwrap_err(),
        "TimeoutSeconds must be between 0 and 99999999 but was: -1"
    );
    assert_eq!(
        integer("1.6").unwrap_err(),
        "The TimeoutSeconds field cannot be parsed as an integer: 1.6"
    );
    assert_eq!(
        integer("'3'").unwrap_err(),
        "The JSONata expression ''3'' specified for the field 'TimeoutSeconds' returned an unexpected result \
         type. Expected 'number', but was 'string' for value: \"3\""
    );
    assert_eq!(at("Error", "'E'").string(&scope), Ok("E".to_owned()));
    assert_eq!(at("Choices[1]/Condition", "1 = 1").boolean(&scope), Ok(true));
    let error = at("Items", "1").unexpected("array", &json!({"foo": "bar"}));
    assert_eq!(error.location.as_deref(), Some("Items"));
    assert!(
        error.cause.ends_with("Expected 'array', but was 'object' for value: {\"foo\":\"bar\"}")
    );
}

#[test]
fn what_is_only_named_is_what_the_library_finds_and_keeps_every_digit() {
    let input = json!({
        "a": {"b": {"c": [1, 2], "d": [[1]], "e": [], "f": [7], "g": null, "h": {"i": "x"}}},
        "list": [{"k": 1}, {"k": 2}], "n": 1.5,
    });
    let mut outside = Outside::default();
    outside
        .variables
        .assign([("x", Payload::from_value(json!({"y": [1], "z": {"w": true}})).unwrap())]);
    let scope = outside.scope(&input, &context);
    let expressions = "$states.input $states.input.a $states.input.a.b.c $states.input.a.b.d \
        $states.input.a.b.e $states.input.a.b.f $states.input.a.b.g $states.input.a.b.h.i \
        $states.input.list.k $states.input.list $states.input.none $states.input.n.o $states.context \
        $states.context.State.Name $states.context.State.RetryCount $states.context.State $x $x.y \
        $x.z.w $x.none $y $states.result $states";
    for expression in expressions.split_whitespace() {
        let query = query(expression);
        assert_eq!(query.evaluate(&scope), query.calculate(&scope), "{expression}");
    }
    let exact = json!({"id": 9_007_199_254_740_993_u64, "more": [12_345_678_901_234_567_890_u64]});
    let scope = outside.scope(&exact, &context);
    assert_eq!(query("$states.input").evaluate(&scope), Ok(exact.clone()));
    assert_eq!(query("$states.input.id").evaluate(&scope), Ok(json!(9_007_199_254_740_993_u64)));
}

#[test]
fn a_template_keeps_its_order_and_says_where_it_fails() {
    let (input, outside) = (json!({"n": 1}), Outside::default());
    let scope = outside.scope(&input, &context);
    let parse = |value: &Value| Template::parse(value, "Output", Sees::default());
    let template =
        parse(&json!({"z": "{% $states.input.n %}", "a": ["{%$x ~> $exists%}", " {%1%}", {}]}))
            .unwrap();
    assert_eq!(
        template.evaluate(&scope).unwrap().to_string(),
        r#"{"z":1,"a":[false," {%1%}",{}]}"#
    );
    assert_eq!(template.variables(), ["x"]);
    let error = parse(&json!({"a": {"b": ["{% $x %}"]}})).unwrap().evaluate(&scope).unwrap_err();
    assert_eq!(error.location.as_deref(), Some("Output/a/b[0]"));
    let refusals = parse(&json!(["{% a %}", {"b": "{% ( %}"}])).unwrap_err();
    let places: Vec<&str> = refusals.iter().map(|it| &*it.location).collect();
    assert_eq!(places, ["Output[0]", "Output[1]/b"]);
}

#[test]
fn evaluations_may_be_nested_a_hundred_deep() {
    let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    let alone = |levels: usize| {
        let options = jlens_core::Options::new().max_depth(100);
        let expression = jlens_core::Expression::compile(&nested(levels)).unwrap();
        expression.evaluate_with(None, &jlens_core::Bindings::new(), &options).is_ok()
    };
    let most = (1..200).take_while(|levels| alone(*levels)).last().unwrap();
    gives(&nested(most), json!(1));
    let error = evaluate(&nested(most + 1), &json!({})).unwrap_err();
    assert!(error.cause.contains("Stack overflow error"), "{}", error.cause);
}

#[test]
fn what_does_not_end_is_ended() {
    fails(
        "($f := function($n) { $f($n + 1) }; $f(1))",
        "threw an error during evaluation. Expression evaluation timeout: Check for infinite loop",
    );
    fails(
        "($f := function($n) { 1 + $f($n + 1) }; $f(1))",
        "threw an error during evaluation. Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive.",
    );
}
