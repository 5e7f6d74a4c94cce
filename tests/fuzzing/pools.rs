//! What the grammar puts into fields: paths, calls, expressions, operators. Most are right; what is
//! wrong is wrong in a way of its own.

/// Paths of the data, the context and a variable. As in the pools below, the first four mostly work.
pub(super) const PATHS: [&str; 24] = [
    "$",
    "$.a",
    "$$.Execution.Name",
    "$.list[*].a",
    "$.list",
    "$.list[0]",
    "$.list[-1:]",
    "$.list[0:2]",
    "$..a",
    "$.list[?(@.a > 1)]",
    "$.list[?(@.a =~ /^x+$/)].a",
    "$.list[?(!@.a)]",
    "$['a','n']",
    "$.missing",
    "$.s",
    "$.n",
    "$.list.length()",
    "$$",
    "$$.Execution.Input.a",
    "$$.Map.Item.Index",
    "$$.Map.Item.Value",
    "$$.State.EnteredTime",
    "$$.Task.Token",
    "$x",
];

/// Paths that name one place, for `ResultPath` and the `…Path` fields.
pub(super) const PLACES: [&str; 7] = ["$.a", "$.b.c", "$.n", "$.s", "$", "$.list", "$.list[0]"];

/// Calls of intrinsic functions.
pub(super) const CALLS: [&str; 22] = [
    "States.Format('{} is {}', $, $$.State.Name)",
    "States.Array($, 1, 'x')",
    "States.JsonToString($)",
    "States.UUID()",
    "States.Format('{}')",
    "States.ArrayPartition($.list, 2)",
    "States.ArrayContains($.list, 1)",
    "States.ArrayRange(1, 9, 2)",
    "States.ArrayRange(1, 100000, 1)",
    "States.ArrayGetItem($.list, 0)",
    "States.ArrayLength($.list)",
    "States.ArrayUnique($.list)",
    "States.Base64Encode($.s)",
    "States.Base64Decode($.s)",
    "States.Hash($.s, 'SHA-1')",
    "States.JsonMerge($, $, false)",
    "States.StringToJson($.s)",
    "States.MathRandom(1, 9)",
    "States.MathAdd($.n, -1)",
    "States.StringSplit($.s, ',')",
    "States.Array(States.Array(States.Array($.a)))",
    "States.Nothing($",
];

/// JSONata expressions.
pub(super) const EXPRESSIONS: [&str; 20] = [
    "{% $states.input %}",
    "{% $states.input.a %}",
    "{% $map([1..5], function($v) { $v * 2 }) %}",
    "{% $states.context.Execution.Name %}",
    "{% $states.input.list[a > 1].a %}",
    "{% $sum($states.input.list.a) %}",
    "{% $map([1..100000], function($v) { $v }) %}",
    "{% ($f := function($n) { $f($n) }; $f(1)) %}",
    "{% $states.result %}",
    "{% $states.errorOutput.Cause %}",
    "{% $x & '-' & $string($states.input.n) %}",
    "{% $parse($states.input.s) %}",
    "{% $uuid() %}",
    "{% $random() > 0.5 ? 'a' : 1 %}",
    "{% $match($states.input.s, /^(x+)+$/) %}",
    "{% $states.input.n + $states.input.s %}",
    "{% $merge([$states.input, {'a': 1}]) %}",
    "{% 1 + %}",
    "{% $eval('1') %}",
    "{% $now() %}",
];

/// Comparisons of a Choice, each with an operand as JSON; the last three are wrong.
pub(super) const TESTS: [(&str, &str); 18] = [
    ("StringEquals", r#""x""#),
    ("StringMatches", r#""x*y\\*""#),
    ("StringLessThanPath", r#""$.s""#),
    ("NumericEquals", "1"),
    ("NumericGreaterThan", "0.5"),
    ("NumericLessThanEqualsPath", r#""$.n""#),
    ("BooleanEquals", "true"),
    ("BooleanEqualsPath", r#""$.missing""#),
    ("TimestampEquals", r#""2024-02-29T12:00:00Z""#),
    ("TimestampGreaterThanPath", r#""$.t""#),
    ("IsPresent", "true"),
    ("IsNull", "false"),
    ("IsNumeric", "true"),
    ("IsString", "true"),
    ("IsTimestamp", "true"),
    ("TimestampLessThan", r#""2024-02-30T12:00:00Z""#),
    ("IsBoolean", "null"),
    ("IsNothing", "true"),
];

/// What tasks call.
pub(super) const RESOURCES: [&str; 9] = [
    "arn:aws:lambda:us-east-1:123456789012:function:f",
    "arn:aws:lambda:us-east-1:123456789012:function:g:live",
    "arn:aws:states:::lambda:invoke",
    "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "arn:aws:states:us-east-1:123456789012:activity:a",
    "arn:aws:states:::states:startExecution.sync:2",
    "arn:aws:states:::dynamodb:putItem",
    "arn:aws:states:::aws-sdk:sfn:listExecutions",
    "https://example.com/work",
];

/// Names of errors, for retriers and catchers and for failing tasks.
pub(super) const ERRORS: [&str; 7] = [
    "Oops",
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "States.Runtime",
    "States.HeartbeatTimeout",
    "Lambda.Unknown",
];

/// Values of any kind, as JSON: data, and operands of the wrong kind.
pub(super) const VALUES: [&str; 20] = [
    "null",
    "true",
    "0",
    "1",
    "-1",
    "1.5",
    "1e999",
    "99999999",
    "18446744073709551616",
    r#""""#,
    r#""x""#,
    r#""xx,y""#,
    r#""{\"a\":[1,2]}""#,
    r#""2024-02-29T12:00:00Z""#,
    r#""\u0000é𝄞""#,
    "[]",
    "{}",
    "[1,2,3]",
    r#"[{"a":1},{"a":2,"b":null},{}]"#,
    r#"{"a":{"b":{"c":[[]]}}}"#,
];

/// Inputs of executions.
pub(super) const INPUTS: [&str; 6] = [
    r#"{"a":1,"b":{"c":1},"n":2,"s":"xx,y","t":"2024-02-29T12:00:00Z","list":[{"a":1,"list":[1]},{"a":2,"list":[]}]}"#,
    r#"{"a":[1],"b":{"c":"x"},"n":30.0,"s":"{\"a\":1}","list":[{"a":1,"b":{"c":2},"n":0,"s":"x","list":[7]}]}"#,
    r#"{"a":null,"b":{"c":true},"n":0,"s":"é𝄞","list":[]}"#,
    r#"{"a":"x","b":{"c":[]},"n":1e300,"s":"","list":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}"#,
    "{}",
    r#"[{"a":1},2,"x",null]"#,
];
