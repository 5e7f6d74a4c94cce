//! Succeed: ends its scope well.

use crate::object::Object;
use crate::program::Succeed;

pub(super) fn read(state: &Object<'_>) -> Option<Succeed> {
    state.allow(&[super::COMMON, super::DATA]);
    let input_path = state.filter("InputPath");
    let output_path = state.filter("OutputPath");
    Some(Succeed { input_path: input_path?, output_path: output_path? })
}

#[cfg(test)]
mod tests {
    use crate::tests::check_state as check;

    #[test]
    fn succeed_has_no_successor() {
        check(r#""Type": "Succeed", "InputPath": "$.a", "OutputPath": "$.b""#, "");
        check(
            r#""Type": "Succeed", "Next": "T""#,
            "SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/S",
        );
    }
}
