//! Says what is wrong with a definition; never fails.

use asl::{Code, Diagnostic, MAX_DEFINITION_BYTES, Severity};

use crate::error::{Kind, OperationError};

use super::state_machines::MachineType;

/// What was found in a definition.
#[derive(Debug)]
pub struct Verdict {
    /// Whether there is no error; warnings do not count.
    pub valid: bool,
    pub diagnostics: Vec<Diagnostic>,
    /// Whether more was found than is shown.
    pub truncated: bool,
}

/// Checks a definition. Warnings are left out unless asked for. At most `max_results` of the
/// diagnostics are shown: 100, if that is absent or 0.
pub fn validate(
    definition: &str,
    kind: MachineType,
    with_warnings: bool,
    max_results: Option<u32>,
) -> Verdict {
    let mut diagnostics = asl::check(definition, kind.into());
    if !with_warnings {
        diagnostics.retain(|found| found.severity == Severity::Error);
    }
    let most = max_results.filter(|most| *most > 0).map_or(MOST, |most| (most as usize).min(MOST));
    Verdict::of(diagnostics, most)
}

/// Checks a definition as AWS does, and says what is strange about it beyond that; without the warnings of
/// these codes.
///
/// # Errors
/// A code that is of no warning: errors are not switched off.
pub fn advised(
    definition: &str,
    kind: MachineType,
    allowed: &[String],
) -> Result<Verdict, OperationError> {
    let is_known = |allowed: &str| Code::warnings().any(|code| code.as_str() == allowed);
    if let Some(code) = allowed.iter().find(|code| !is_known(code)) {
        let known: Vec<&str> = Code::warnings().map(Code::as_str).collect();
        let message = format!("`{code}` is no warning; these can be allowed: {}", known.join(", "));
        return Err(OperationError::new(Kind::ValidationException, message));
    }
    let mut diagnostics = asl::review(definition, kind.into());
    diagnostics.retain(|found| match found.severity {
        Severity::Error => found.code != Code::UnsupportedFeature,
        Severity::Warning => !allowed.iter().any(|code| code == found.code.as_str()),
    });
    Ok(Verdict::of(diagnostics, MOST))
}

/// AWS shows no more of them at once.
const MOST: usize = 100;

impl Verdict {
    fn of(mut diagnostics: Vec<Diagnostic>, most: usize) -> Self {
        let valid = !diagnostics.iter().any(|found| found.severity == Severity::Error);
        let truncated = diagnostics.len() > most;
        diagnostics.truncate(most);
        Self { valid, diagnostics, truncated }
    }
}

/// Refuses a definition that cannot be run: what AWS would not accept, and what the language
/// has and this engine does not run yet.
pub(super) fn check(definition: &str, kind: MachineType) -> Result<(), OperationError> {
    if definition.len() > MAX_DEFINITION_BYTES {
        let message = format!(
            "1 validation error detected: Value at 'definition' failed to satisfy constraint: \
             Member must have length less than or equal to {MAX_DEFINITION_BYTES}"
        );
        return Err(OperationError::validation(message).at("/definition"));
    }
    let mut errors = asl::check(definition, kind.into());
    errors.retain(|found| found.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(OperationError::invalid_definition(errors));
    }
    asl::compile(definition).map(drop).map_err(OperationError::invalid_definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_beyond_the_most_are_told_of() {
        let verdict = validate(r#"{"StartAt": 1}"#, MachineType::Standard, false, Some(1));
        assert!(!verdict.valid && verdict.truncated);
        assert_eq!(verdict.diagnostics.len(), 1);
    }

    #[test]
    fn a_definition_of_two_megabytes_is_refused_for_its_size() {
        let refusal = check(&" ".repeat(2_000_000), MachineType::Standard).unwrap_err();
        assert_eq!(
            refusal.message,
            "1 validation error detected: Value at 'definition' failed to satisfy constraint: \
             Member must have length less than or equal to 1048576"
        );
    }
}
