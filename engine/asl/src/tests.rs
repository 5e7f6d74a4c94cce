//! Definitions and what is reported of them: the machine as a whole. What a state may say is
//! tested beside the state.

mod fuzz;
mod typed_fields;

use std::cell::Cell;
use std::fmt::Write as _;

use crate::diagnostic::{MAX_DIAGNOSTICS, invalid_definition};
use crate::{Budget, Code, Diagnostic, MachineKind, Made, Part, Program, Scope, Variables};

/// The findings for this definition are these, a line each, indented as you like. Both the
/// findings of [`crate::check`] and the features that only [`crate::compile`] refuses.
#[track_caller]
pub(crate) fn check(definition: &str, expected: &str) {
    let (_, found) = crate::read(definition, Some(MachineKind::Standard));
    assert_eq!(rendered(&found), unindented(expected));
}

/// The same for an Express machine.
#[track_caller]
pub(crate) fn check_express(definition: &str, expected: &str) {
    assert_eq!(rendered(&crate::check(definition, MachineKind::Express)), unindented(expected));
}

/// The same for a machine of one state, `S`, given by its fields, beside the states `T`, a
/// target, and `F`, which fails.
#[track_caller]
pub(crate) fn check_state(fields: &str, expected: &str) {
    check(&machine_of(fields), expected);
}

pub(crate) fn machine_of(fields: &str) -> String {
    format!(
        r#"{{"StartAt": "R", "States": {{
            "R": {{"Type": "Choice", "Choices": [{{"Variable": "$.a", "IsPresent": true, "Next": "S"}},
                {{"Variable": "$.b", "IsPresent": true, "Next": "F"}}], "Default": "T"}},
            "S": {{{fields}}}, "T": {{"Type": "Succeed"}}, "F": {{"Type": "Fail"}}}}}}"#
    )
}

/// The program of a machine with this state `S`.
#[track_caller]
pub(crate) fn program_of(fields: &str) -> Program {
    crate::compile(&machine_of(fields)).unwrap_or_else(|found| panic!("{}", rendered(&found)))
}

fn rendered(found: &[Diagnostic]) -> String {
    found.iter().fold(String::new(), |mut text, it| {
        let _ = writeln!(text, "{it}");
        text
    })
}

pub(crate) fn unindented(text: &str) -> String {
    text.lines().map(str::trim_start).filter(|line| !line.is_empty()).fold(
        String::new(),
        |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        },
    )
}

#[test]
fn a_sound_definition_has_no_findings_and_a_program() {
    let text = r#"{"StartAt": "A", "Comment": "two steps", "Version": "1.0", "TimeoutSeconds": 60,
        "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}"#;
    check(text, "");
    let program = crate::compile(text).unwrap();
    assert_eq!(&*program.state(program.start()).name, "A");
    assert_eq!(program.timeout_seconds(), Some(60));
    assert!(program.find("B").is_some() && program.find("C").is_none());
}

#[test]
fn what_is_required_is_missed() {
    check("{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /");
    check(
        r#"{"StartAt": "A", "States": {}}"#,
        "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States
         MISSING_TRANSITION_TARGET: Missing 'Next' target: A at /StartAt
         MISSING_END_STATE: Workflow has no terminal state at null",
    );
    check(
        r#"{"StartAt": "A"}"#,
        "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /",
    );
    check(
        r#"{"States": {"A": {"Type": "Pass", "End": true}}}"#,
        "SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /",
    );
}

#[test]
fn what_is_unknown_is_refused() {
    check(
        r#"{"StartAt": "A", "Extra": 1, "States": {"A": {"Type": "Pass", "End": true, "Nxt": "A"}}}"#,
        "SCHEMA_VALIDATION_FAILED: Field 'Extra' is not supported at /
         SCHEMA_VALIDATION_FAILED: Field 'Nxt' is not supported at /States/A",
    );
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Nap", "End": true}, "B": {"Next": "A"}}}"#,
        "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/A/Type
         SCHEMA_VALIDATION_FAILED: The field 'Type' is required at /States/B",
    );
    // Of a machine that never ends only where its types are known.
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": null}}}"#,
        "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/A/Type",
    );
}

#[test]
fn transitions_lead_somewhere_and_to_every_state() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Gone"}, "B": {"Type": "Succeed"}}}"#,
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/A/Next
         MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",
    );
    check(
        r#"{"StartAt": "a", "States": {"A": {"Type": "Succeed"}}}"#,
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: a at /StartAt
         MISSING_TRANSITION_TARGET: State \"A\" is not reachable. at /States/A",
    );
}

#[test]
fn transitions_stay_in_their_scope() {
    check(
        r#"{"StartAt": "P", "States": {
            "P": {"Type": "Parallel", "Next": "Q", "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Q"}}}]},
            "Q": {"Type": "Succeed"}}}"#,
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Q at /States/P/Branches[0]/States/A/Next",
    );
}

#[test]
fn the_machine_ends_somewhere_and_a_branch_need_not() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}"#,
        "MISSING_END_STATE: Workflow has no terminal state at null",
    );
    check(
        r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor":
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}}}}}"#,
        "",
    );
}

#[test]
fn names_are_unique_in_the_whole_machine() {
    check(
        r#"{"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}},
            {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}]}}}"#,
        "DUPLICATE_STATE_NAME: Duplicate State name: A at /States/P/Branches[1]/States/A",
    );
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}, "A": {"Type": "Succeed"}}}"#,
        "DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A",
    );
    check(
        r#"{"StartAt": "", "States": {"": {"Type": "Succeed"}}}"#,
        "INVALID_STATE_NAME: A state's name cannot be empty at /States/",
    );
    let long = "n".repeat(81);
    check(
        &format!(r#"{{"StartAt": "{long}", "States": {{"{long}": {{"Type": "Succeed"}}}}}}"#),
        &format!(
            "INVALID_STATE_NAME: A state's name cannot be longer than 80 characters at /States/{long}"
        ),
    );
}

#[test]
fn a_definition_has_so_many_regular_expressions() {
    let with = |count: usize| {
        let fields: Vec<String> =
            (0..count).map(|n| format!(r#""p{n}.$": "$.l[?(@.k =~ /a{n}/)]""#)).collect();
        machine_of(&format!(
            r#""Type": "Pass", "End": true, "Parameters": {{{}}}"#,
            fields.join(",")
        ))
    };
    check(&with(500), "");
    check(
        &with(501),
        "SCHEMA_VALIDATION_FAILED: The definition has 501 regular expressions (`=~`); at most 500 are read at /",
    );
}

#[test]
fn the_query_language_is_the_machines() {
    check(
        r#"{"StartAt": "A", "QueryLanguage": "JSONata", "States":
            {"A": {"Type": "Pass", "End": true, "QueryLanguage": "JSONPath"}}}"#,
        "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/A",
    );
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true, "Output": 1}}}"#,
        "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/A",
    );
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true, "QueryLanguage": "jsonpath"}}}"#,
        "SCHEMA_VALIDATION_FAILED: Value should be one of the following: [JSONPath, JSONata] at /States/A/QueryLanguage",
    );
}

#[test]
fn mistakes_in_jsonata_states_are_found_all_the_same() {
    let text = r#"{"StartAt": "A", "QueryLanguage": "JSONata", "States": {
        "A": {"Type": "Map", "Items": "{% $states.input %}", "MaxConcurrency": "{% 5 %}",
              "InputPath": "$.a", "Next": "Gone",
              "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Wait", "Seconds": "{% 1 %}"}}}},
        "C": {"Type": "Choice", "Choices": [{"Condition": "{% true %}"}], "Default": "D"},
        "D": {"Type": "Succeed", "Output": {"a": 1}}}}"#;
    let found = crate::check(text, MachineKind::Standard);
    assert_eq!(
        rendered(&found),
        unindented(
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/A
             SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: [Next, End] at /States/A/ItemProcessor/States/B
             SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/C/Choices[0]
             MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/A/Next
             MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/C"
        )
    );
}

#[test]
fn the_machine_has_fields_of_its_own() {
    check(
        r#"{"StartAt": "A", "Version": "2.0", "Comment": 5, "TimeoutSeconds": "x", "States": {"A": {"Type": "Succeed"}}}"#,
        "SCHEMA_VALIDATION_FAILED: Value should be one of the following: [1.0] at /Version
         SCHEMA_VALIDATION_FAILED: Expected value of type String at /Comment
         SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /TimeoutSeconds",
    );
}

#[test]
fn what_is_not_json_is_said_to_be_none() {
    check("", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at /");
    check("[]", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at /");
    let broken = r#"{"StartAt": }"#;
    let found = crate::check(broken, MachineKind::Standard);
    let place = r#"[Source: (String)"{"StartAt": }"; line: 1, column: 14]"#;
    assert_eq!(found[0].code, Code::InvalidJsonDescription);
    assert_eq!(found[0].location.as_deref(), Some(place));
    assert_eq!(
        found[0].message,
        format!(
            "Unexpected character ('}}' (code 125)): expected a valid value (JSON String, Number, \
             Array, Object or token 'null', 'true' or 'false')\n at {place}"
        )
    );
}

#[test]
fn a_long_text_that_is_not_json_is_quoted_up_to_its_first_500_characters() {
    let text = format!("{{\"Comment\": \"{}\"", "\u{1}ä".repeat(400));
    let found = crate::check(&text, MachineKind::Standard);
    let place = found[0].location.clone().unwrap();
    assert!(place.starts_with("[Source: (String)\"{\"Comment\": \"\\u0001ä"), "{place}");
    assert!(place.contains("ä\\u0001\"[truncated 314 chars]; line: 1, column: "), "{place}");
}

#[test]
fn what_is_too_deep_or_too_large_is_not_read() {
    let deep = "[".repeat(500_000);
    check(&deep, "TOO_DEEPLY_NESTED: The definition is nested deeper than 120 levels at /");
    let large = format!(r#"{{"Comment": "{}"}}"#, "x".repeat(2_000_000));
    check(
        &large,
        "SCHEMA_VALIDATION_FAILED: The definition has 2000015 bytes; at most 1048576 are allowed at /",
    );
}

#[test]
fn ten_thousand_mistakes_give_the_first_thousand() {
    let mut text = String::from(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}"#);
    for index in 0..10_000 {
        let _ = write!(text, r#", "{index}": {{"Type": "Pass", "Next": "?"}}"#);
    }
    text.push_str("}}");
    assert_eq!(crate::check(&text, MachineKind::Standard).len(), MAX_DIAGNOSTICS);
}

#[test]
fn a_name_that_fills_the_definition_is_cut_in_every_finding() {
    let name = "n".repeat(900_000);
    let fields = (0..1_000).fold(String::new(), |mut text, index| {
        let _ = write!(text, r#", "x{index}": 0"#);
        text
    });
    let text = format!(
        r#"{{"StartAt": "{name}", "States": {{"{name}": {{"Type": "Succeed"{fields}}}}}}}"#
    );
    assert_eq!(crate::check(&text, MachineKind::Standard).len(), 1);
    let text = text.replacen(&name, "A", 1).replace(&name, &name[..800_000]);
    for finding in crate::check(&text, MachineKind::Standard) {
        assert!(finding.to_string().len() < 5_000, "{}", finding.to_string().len());
    }
}

#[test]
fn findings_are_joined_as_aws_joins_them() {
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Succeed"}}}"#;
    assert_eq!(
        invalid_definition(&crate::compile(text).unwrap_err()),
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at \
         /States/A/Next, MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/C'"
    );
}

#[test]
fn warnings_do_not_stop_a_program() {
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true, "Result": {"a": "$.b"}}}}"#;
    let found = crate::check(text, MachineKind::Standard);
    assert_eq!(found[0].code, Code::PassResultIsStatic);
    assert_eq!(found[0].severity.as_str(), "WARNING");
    assert!(crate::compile(text).is_ok());
}

/// What the tests of expressions are evaluated within: no variables, a megabyte, the same chances each time.
pub(crate) struct Outside {
    pub(crate) variables: Variables,
    pub(crate) budget: Budget,
    chance: Box<dyn Fn() -> u64>,
}

impl Default for Outside {
    fn default() -> Self {
        let drawn = Cell::new(0u64);
        let chance = Box::new(move || {
            drawn.set(drawn.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
            drawn.get()
        });
        Self { variables: Variables::default(), budget: Budget::of(1 << 20, Made::Result), chance }
    }
}

impl Outside {
    pub(crate) fn scope<'a>(
        &'a self,
        input: &'a serde_json::Value,
        context: &'a dyn Fn() -> Part<'a>,
    ) -> Scope<'a> {
        Scope {
            input,
            result: None,
            error_output: None,
            context,
            variables: &self.variables,
            chance: &*self.chance,
            now_ms: 1_700_000_000_000,
            budget: &self.budget,
        }
    }
}
