//! Pass: hands its input on, perhaps with a fixed result.

use crate::definition::Target;
use crate::diagnostic::Code;
use crate::object::{Field, Object};
use crate::payload::Payload;
use crate::program::Pass;
use crate::warnings;

// AWS's documents give `Result` to JSONPath only; its validators take it in JSONata states too.
const FIELDS: &[Field] =
    &[Field::path("Parameters"), Field::both("Result"), Field::path("ResultPath")];

pub(super) fn read(state: &Object<'_>) -> Option<Pass<Target>> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, FIELDS]);
    let result = state.value("Result");
    let next = state.next();
    if result.is_some_and(warnings::holds_path) {
        let message = "The value of 'Result' is static: the path in it is not evaluated";
        state.report().add(Code::PassResultIsStatic, &state.at("Result"), message);
    }
    let Ok(result) = result.cloned().map(Payload::from_value).transpose() else {
        let message = "The value of 'Result' is nested too deeply";
        state.report().add(Code::TooDeeplyNested, &state.at("Result"), message);
        return None;
    };
    Some(Pass { result, next: next? })
}

#[cfg(test)]
mod tests {
    use crate::tests::check_state as check;

    #[test]
    fn a_pass_takes_its_fields() {
        check(
            r#""Type": "Pass", "InputPath": "$.a", "Parameters": {"b.$": "$.c"}, "Result": [1],
               "ResultPath": "$.d", "OutputPath": null, "Next": "T""#,
            "",
        );
    }

    #[test]
    fn a_pass_goes_on_or_ends() {
        check(
            r#""Type": "Pass""#,
            "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: [Next, End] at /States/S",
        );
        check(
            r#""Type": "Pass", "Next": "T", "End": true"#,
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Next, End] at /States/S",
        );
        check(
            r#""Type": "Pass", "End": false"#,
            "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: [Next, End] at /States/S",
        );
        check(r#""Type": "Pass", "Next": "T", "End": false"#, "");
        check(
            r#""Type": "Pass", "End": 1"#,
            "SCHEMA_VALIDATION_FAILED: Expected value of type Boolean at /States/S/End",
        );
    }

    #[test]
    fn a_pass_does_not_fail() {
        check(
            r#""Type": "Pass", "End": true, "Retry": [], "Catch": [], "TimeoutSeconds": 5"#,
            "SCHEMA_VALIDATION_FAILED: Field 'Retry' is not supported at /States/S
             SCHEMA_VALIDATION_FAILED: Field 'Catch' is not supported at /States/S
             SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/S",
        );
    }

    #[test]
    fn a_path_where_none_is_evaluated_is_warned_of() {
        check(
            r#""Type": "Pass", "End": true, "Result": {"a": ["$.b"]}"#,
            "PASS_RESULT_IS_STATIC: The value of 'Result' is static: the path in it is not evaluated at /States/S/Result",
        );
        check(
            r#""Type": "Pass", "End": true, "Parameters": {"a": {"b": "$.c"}, "price": "$5"}"#,
            "NO_DOLLAR: The value of 'b' is taken as it is; to evaluate '$.c', name the field 'b.$' at /States/S/Parameters/a/b",
        );
    }

    #[test]
    fn paths_are_paths() {
        check(
            r#""Type": "Pass", "End": true, "InputPath": "$.a[", "ResultPath": "$.a[*]", "OutputPath": "$.a.twist()""#,
            "SCHEMA_VALIDATION_FAILED: Value is not a valid JSONPath: expected an index, a slice, a quoted name, `*` or `?(`, found the end at byte 4 of `$.a[` at /States/S/InputPath
             SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: only names and indexes are allowed at /States/S/ResultPath
             UNSUPPORTED_FEATURE: `OutputPath`: the function `twist()` is not supported at byte 9 of `$.a.twist()` at /States/S/OutputPath",
        );
    }

    #[test]
    fn variables_have_names() {
        check(r#""Type": "Pass", "End": true, "Assign": {"a": 1, "größe_2.$": "$.b"}"#, "");
        check(
            r#""Type": "Pass", "End": true, "Assign": {"states": 1, "a.b": 1, "2.$": "$.b"}"#,
            "SCHEMA_VALIDATION_FAILED: 'states' is not the name of a variable: a letter, then letters, digits, '_' and '-', at most 80 characters, and not 'states' at /States/S/Assign/states
             SCHEMA_VALIDATION_FAILED: 'a.b' is not the name of a variable: a letter, then letters, digits, '_' and '-', at most 80 characters, and not 'states' at /States/S/Assign/a.b
             SCHEMA_VALIDATION_FAILED: '2' is not the name of a variable: a letter, then letters, digits, '_' and '-', at most 80 characters, and not 'states' at /States/S/Assign/2.$",
        );
        check(
            r#""Type": "Pass", "End": true, "Assign": 5"#,
            "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/S/Assign",
        );
    }
}
