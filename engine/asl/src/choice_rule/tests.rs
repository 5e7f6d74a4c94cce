//! What the comparisons say.

use serde_json::{Value, json};

use super::{Comparison, Condition, OPERATORS, Test};
use crate::context::Part;
use crate::path::Path;
use crate::tests::Outside;

fn input() -> Value {
    json!({
        "yes": true, "no": false, "nil": null, "five": 5, "float": 5.0, "six": 6, "text": "abc",
        "digits": "5", "when": "2024-01-31T12:00:00Z", "same": "2024-01-31T13:00:00+01:00",
        "later": "2024-01-31T12:00:00.001Z", "day": "2024-01-31", "list": [1]
    })
}

fn compare(variable: &str, operator: &str, operand: &Value) -> Condition {
    let test = Test::parse(operator, operand).expect("an operator").expect("a fitting operand");
    Condition::Compare(Comparison { variable: Path::parse(variable).unwrap(), test })
}

fn evaluate(condition: &Condition) -> String {
    let context =
        || Part::Object(vec![("Execution", Part::Object(vec![("Name", Part::Text("n".into()))]))]);
    condition
        .holds(&Outside::default().scope(&input(), &context))
        .map_or_else(|error| error.cause, |holds| holds.to_string())
}

/// Lines of `variable operator operand → expected`.
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (question, expected) = line.split_once(" → ").unwrap();
        let mut words = question.splitn(3, ' ');
        let variable = words.next().unwrap();
        let operator = words.next().unwrap();
        let operand = serde_json::from_str(words.next().unwrap()).unwrap();
        assert_eq!(evaluate(&compare(variable, operator, &operand)), expected, "{line}");
    }
}

#[test]
fn a_value_of_another_type_never_passes() {
    check(
        r#"
        $.digits NumericEquals 5 → false
        $.five StringEquals "5" → false
        $.nil BooleanEquals false → false
        $.text TimestampEquals "2024-01-31T12:00:00Z" → false
        $.list StringMatches "*" → false
        $.five NumericEqualsPath "$.digits" → false
        $.nil BooleanEqualsPath "$.text" → false
        "#,
    );
}

#[test]
fn kinds_are_told_apart() {
    check(
        r"
        $.nil IsNull true → true
        $.nil IsNull false → false
        $.five IsNumeric true → true
        $.digits IsNumeric false → true
        $.no IsBoolean true → true
        $.text IsString true → true
        $.when IsString true → true
        $.when IsTimestamp true → true
        $.same IsTimestamp true → true
        $.day IsTimestamp true → false
        $.nil IsPresent true → true
        $.gone IsPresent true → false
        $.gone.deeper IsPresent false → true
        $.list[3] IsPresent false → true
        ",
    );
}

#[test]
fn values_are_ordered_within_their_type() {
    check(
        r#"
        $.yes BooleanEquals true → true
        $.yes BooleanEqualsPath "$.no" → false
        $.five NumericEqualsPath "$.float" → true
        $.five NumericLessThan 5.5 → true
        $.five NumericGreaterThanEqualsPath "$.six" → false
        $.five NumericLessThanEquals 5 → true
        $.text StringLessThan "abd" → true
        $.text StringGreaterThan "ABC" → true
        $.text StringGreaterThanEqualsPath "$.text" → true
        $.when TimestampEqualsPath "$.same" → true
        $.when TimestampLessThanPath "$.later" → true
        $.when TimestampGreaterThanEquals "2024-01-31T12:00:00.0Z" → true
        $$.Execution.Name StringEquals "n" → true
        "#,
    );
}

#[test]
fn what_is_not_there_is_an_error() {
    check(
        "
        $.gone IsNull true → Invalid path '$.gone': The choice state's condition path references an invalid value.
        $.five NumericEqualsPath \"$.gone\" → Invalid path '$.gone': The choice state's condition path references an invalid value.
        ",
    );
}

#[test]
fn a_star_is_any_run_of_characters() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("log-*.txt", "log-.txt", true),
        ("log-*.txt", "log.txt", false),
        ("a*a", "a", false),
        ("*b*", "abc", true),
        ("a*b*c", "a-b-b-c", true),
        ("a**c", "abc", true),
        (r"a\*c", "a*c", true),
        (r"a\*c", "abc", false),
        (r"a\\*", r"a\bc", true),
        ("abc", "abcd", false),
        ("*ab", "aab", true),
    ] {
        let found = super::Pattern::parse(pattern).unwrap().matches(text);
        assert_eq!(found, expected, "{pattern} {text}");
    }
    assert_eq!(
        super::Pattern::parse(r"a\b").unwrap_err(),
        r"in `StringMatches` a backslash goes before `*` or a backslash: `a\b`"
    );
    let pattern = super::Pattern::parse(&"*a".repeat(1000)).unwrap();
    assert!(!pattern.matches(&"a".repeat(999)));
}

#[test]
fn strings_are_ordered_by_utf16_code_unit() {
    // U+1F600 is D83D DE00, which is before U+FF5E although its code point is after.
    let operand = json!("\u{ff5e}");
    let test = Test::parse("StringLessThan", &operand).unwrap().unwrap();
    let context = || Part::Data(&Value::Null);
    let input = json!("\u{1f600}");
    let outside = Outside::default();
    let scope = outside.scope(&input, &context);
    let condition = Condition::Compare(Comparison { variable: Path::parse("$").unwrap(), test });
    assert_eq!(condition.holds(&scope), Ok(true));
}

#[test]
fn and_or_stop_at_the_first_answer() {
    let yes = || compare("$.yes", "BooleanEquals", &json!(true));
    let error = || compare("$.gone", "BooleanEquals", &json!(true));
    let not = |condition| Condition::Not(Box::new(condition));
    assert_eq!(evaluate(&Condition::Or([yes(), error()].into())), "true");
    assert_eq!(evaluate(&Condition::And([not(yes()), error()].into())), "false");
    assert_eq!(evaluate(&Condition::And([yes(), not(not(yes()))].into())), "true");
    assert!(evaluate(&not(error())).starts_with("Invalid path"));
}

#[test]
fn every_operator_is_known_and_no_other() {
    for operator in OPERATORS {
        let parsed = Test::parse(operator, &json!([]));
        assert!(parsed.is_some_and(|test| test.is_err()), "{operator}");
    }
    for operator in ["", "Equals", "BooleanLessThan", "StringMatchesPath", "IsNullPath", "Numeric"]
    {
        assert!(Test::parse(operator, &json!(true)).is_none(), "{operator}");
    }
    for (operator, operand) in [
        ("TimestampEquals", json!("2024-01-31t12:00:00Z")),
        ("TimestampEquals", json!("2024-01-31 12:00:00Z")),
        ("NumericEquals", json!("5")),
    ] {
        assert!(Test::parse(operator, &operand).is_some_and(|test| test.is_err()), "{operator}");
    }
}
