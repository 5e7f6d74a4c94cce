//! Parallel: runs several branches at once, each on a copy of the input.

use crate::definition::Target;
use crate::object::{Field, Object};
use crate::parse::Parser;
use crate::program::Parallel;
use crate::retry;

const FIELDS: &[Field] = &[Field::both("Branches").required(), Field::jsonata("Arguments")];

const BRANCH_FIELDS: &[Field] =
    &[Field::both("StartAt").required(), Field::both("States").required(), Field::both("Comment")];

pub(super) fn read(state: &Object<'_>, parser: &mut Parser) -> Option<Parallel<Target>> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, super::RESULT, super::ERRORS, FIELDS]);
    let branches = state.some_objects("Branches", |branch, _| {
        branch.allow(&[BRANCH_FIELDS]);
        branch.string("Comment");
        parser.scope(branch).map(Target::StartOf)
    });
    let retry = retry::retriers(state);
    let catch = retry::catchers(state);
    let next = state.next();
    Some(Parallel { branches: branches?, retry: retry?, catch: catch?, next: next? })
}

#[cfg(test)]
mod tests {
    use crate::tests::check_state as check;

    #[test]
    fn branches_are_machines_without_a_language() {
        check(
            r#""Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}},
                {"StartAt": "B", "QueryLanguage": "JSONPath", "States": {"B": {"Type": "Succeed"}}}]"#,
            "SCHEMA_VALIDATION_FAILED: Field 'QueryLanguage' is not supported at /States/S/Branches[1]",
        );
    }

    #[test]
    fn there_is_a_branch_and_each_is_complete() {
        check(
            r#""Type": "Parallel", "End": true, "Branches": []"#,
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Branches",
        );
        check(
            r#""Type": "Parallel", "End": true"#,
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Branches] at /States/S",
        );
        check(
            r#""Type": "Parallel", "End": true, "Branches": [{"StartAt": "A"}, 5]"#,
            "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /States/S/Branches[0]
             SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/S/Branches[1]",
        );
    }

    #[test]
    fn a_parallel_has_no_timeout() {
        check(
            r#""Type": "Parallel", "End": true, "TimeoutSeconds": 5, "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}]"#,
            "SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/S",
        );
    }
}
