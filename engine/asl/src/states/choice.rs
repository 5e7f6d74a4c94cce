//! Choice: goes on with the state of the first rule that holds.

use crate::choice_rule::{Comparison, Condition, OPERATORS, Test};
use serde_json::Value;

use crate::definition::Target;
use crate::flow;
use crate::jsonata::Sees;
use crate::object::{Field, Language, Object, of_type, too_few, too_many};
use crate::program::{Choice, ChoiceRule, When};

const FIELDS: &[Field] =
    &[Field::both("Choices").required(), Field::both("Default"), Field::both("Assign")];

/// Fields of a rule, beside its condition.
const RULE_FIELDS: &[Field] = &[
    Field::both("Next").required(),
    Field::both("Assign"),
    Field::both("Comment"),
    Field::jsonata("Output"),
    Field::jsonata("Condition").required(),
];

/// Fields of a condition inside another.
const NESTED_FIELDS: &[Field] = &[Field::both("Comment")];

/// Fields of a comparison, beside its operator.
const COMPARISON_FIELDS: &[Field] = &[Field::path("Variable").required()];

const COMBINERS: &[&str] = &["And", "Or", "Not"];

pub(super) fn read(state: &Object<'_>) -> Option<Choice<Target>> {
    state.allow(&[super::COMMON, super::DATA, FIELDS]);
    let rules = state.some_objects("Choices", |rule, _| read_rule(rule));
    let default = state.target("Default");
    if state.has("Default") && default.is_none() {
        return None;
    }
    Some(Choice { rules: rules?, default })
}

fn read_rule(rule: &Object<'_>) -> Option<ChoiceRule<Target>> {
    rule.string("Comment");
    let assign = flow::assign(rule, Sees::default());
    let next = rule.target("Next");
    let (when, output) = match rule.language() {
        Language::JsonPath => (condition(rule, RULE_FIELDS).map(When::Condition), Some(None)),
        Language::Jsonata => {
            rule.allow(&[RULE_FIELDS]);
            (query(rule), rule.expression("Output", Sees::default()))
        }
    };
    Some(ChoiceRule { when: when?, assign: assign?, output: output?, next: next? })
}

/// `Condition`: an expression, or its answer written down.
fn query(rule: &Object<'_>) -> Option<When> {
    const NAME: &str = "Condition";
    match rule.value(NAME)? {
        Value::Bool(holds) => Some(When::Fixed(*holds)),
        value if rule.is_expression(value) => rule.query(NAME, Sees::default()).map(When::Query),
        _ => rule.wrong_at(NAME, of_type("Boolean")),
    }
}

/// The condition that this object states: a comparison, or others combined.
fn condition(rule: &Object<'_>, others: &[Field]) -> Option<Condition> {
    let stated: Vec<&str> = rule
        .entries()
        .map(|(name, _)| name.as_str())
        .filter(|name| OPERATORS.contains(name) || COMBINERS.contains(name))
        .collect();
    let combines = stated.iter().any(|name| COMBINERS.contains(name));
    let fields = if combines { &[] } else { COMPARISON_FIELDS };
    rule.allow_beside(&stated, &[others, fields]);
    let [operator] = stated[..] else {
        rule.wrong(match stated.len() {
            0 => too_few(&OPERATORS),
            _ => too_many(&OPERATORS),
        });
        return None;
    };
    match operator {
        "And" => rule.some_objects("And", nested).map(Condition::And),
        "Or" => rule.some_objects("Or", nested).map(Condition::Or),
        "Not" => {
            condition(&rule.object("Not")?, NESTED_FIELDS).map(|it| Condition::Not(Box::new(it)))
        }
        comparison => compare(rule, comparison),
    }
}

fn nested(rule: &Object<'_>, _: usize) -> Option<Condition> {
    condition(rule, NESTED_FIELDS)
}

fn compare(rule: &Object<'_>, operator: &str) -> Option<Condition> {
    let variable = rule.single_path("Variable");
    if operator.ends_with("Path") {
        rule.single_path(operator)?;
    }
    let test = match Test::parse(operator, rule.value(operator)?)? {
        Ok(test) => Some(test),
        Err(mistake) => rule.wrong_at(operator, mistake),
    };
    Some(Condition::Compare(Comparison { variable: variable?, test: test? }))
}

#[cfg(test)]
mod tests {
    use crate::choice_rule::OPERATORS;
    use crate::tests::check_state as check;

    #[track_caller]
    fn check_rule(rule: &str, expected: &str) {
        check(&format!(r#""Type": "Choice", "Choices": [{{{rule}}}]"#), expected);
    }

    #[test]
    fn conditions_nest() {
        check_rule(
            r#""Next": "T", "Comment": "c", "And": [{"Variable": "$.a", "NumericEquals": 1},
                {"Not": {"Or": [{"Variable": "$.b", "StringEqualsPath": "$.c"}]}}]"#,
            "",
        );
    }

    #[test]
    fn a_rule_states_one_condition() {
        check_rule(
            r#""Next": "T", "Variable": "$.a""#,
            &format!(
                "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: [{}] at /States/S/Choices[0]",
                OPERATORS.join(", ")
            ),
        );
        check_rule(
            r#""Next": "T", "Variable": "$.a", "IsNull": true, "IsString": true"#,
            &format!(
                "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [{}] at /States/S/Choices[0]",
                OPERATORS.join(", ")
            ),
        );
        check_rule(
            r#""Next": "T", "IsNull": true"#,
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Variable] at /States/S/Choices[0]",
        );
    }

    #[test]
    fn an_operand_suits_its_comparison() {
        for (operator, operand, mistake) in [
            ("IsNull", "1", "Expected value of type Boolean"),
            ("BooleanEquals", "1", "Expected value of type Boolean"),
            ("NumericEquals", "true", "Expected value of type Number"),
            ("StringMatches", "1", "Expected value of type String"),
            ("StringLessThan", "1", "Expected value of type String"),
            ("TimestampEquals", r#""noon""#, "String does not match RFC3339 timestamp"),
            (
                "NumericEqualsPath",
                r#""$.a[*]""#,
                "Value is not a Reference Path: only names and indexes are allowed",
            ),
            (
                "StringEqualsPath",
                r#""status""#,
                "Value is not a Reference Path: Reference path didn't start with '$'",
            ),
            ("NumericEqualsPath", "5", "Expected value of type String"),
        ] {
            check_rule(
                &format!(r#""Next": "T", "Variable": "$.a", "{operator}": {operand}"#),
                &format!("SCHEMA_VALIDATION_FAILED: {mistake} at /States/S/Choices[0]/{operator}"),
            );
        }
    }

    #[test]
    fn only_the_outermost_condition_has_a_successor() {
        check_rule(
            r#""Next": "T", "Not": {"Variable": "$.a", "IsNull": true, "Next": "F"}"#,
            "SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/S/Choices[0]/Not",
        );
        check_rule(
            r#""Variable": "$.a", "IsNull": true"#,
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/S/Choices[0]",
        );
    }

    #[test]
    fn lists_of_conditions_are_not_empty() {
        check_rule(
            r#""Next": "T", "And": []"#,
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Choices[0]/And",
        );
        check(
            r#""Type": "Choice", "Choices": []"#,
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Choices",
        );
    }

    #[test]
    fn a_jsonata_condition_is_an_expression_or_an_answer() {
        let check = |condition: &str, expected: &str| {
            check(
                &format!(
                    r#""Type": "Choice", "QueryLanguage": "JSONata",
                       "Choices": [{{"Condition": {condition}, "Next": "T"}}]"#
                ),
                expected,
            );
        };
        check(r#""{% $states.input.n > 1 %}""#, "");
        check("true", "");
        check(
            "5",
            "SCHEMA_VALIDATION_FAILED: Expected value of type Boolean at /States/S/Choices[0]/Condition",
        );
    }

    #[test]
    fn targets_of_rules_and_the_default_exist() {
        check(
            r#""Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "X"}], "Default": "Y""#,
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/S/Choices[0]/Next
             MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/S/Default",
        );
    }

    #[test]
    fn a_choice_has_no_next() {
        check(
            r#""Type": "Choice", "Next": "T", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "T"}]"#,
            "SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/S",
        );
    }
}
