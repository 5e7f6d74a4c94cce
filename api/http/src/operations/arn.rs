//! Reads the ARNs and names in requests, with AWS's complaints.

use asl::arn::{ActivityArn, ExecutionArn, InvalidArn, StateMachineArn};

use crate::error::{Kind, OperationError};

use super::Caller;

pub use asl::arn::Qualifier;

/// A state machine, or one version or alias of it, as a request names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MachineRef {
    /// The ARN as it was given.
    pub arn: String,
    pub name: String,
    pub qualifier: Option<Qualifier>,
}

/// An execution, as a request names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecutionRef {
    /// The ARN as it was given.
    pub arn: String,
    pub state_machine: String,
    pub name: String,
}

/// An activity, as a request names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ActivityRef {
    /// The ARN as it was given.
    pub arn: String,
    pub name: String,
}

/// The state machine, version or alias that this ARN names. Another account's or region's does
/// not exist for this caller, and neither does a Map's child state machine.
pub fn state_machine(caller: &Caller, arn: &str) -> Result<MachineRef, OperationError> {
    let parsed = StateMachineArn::parse(arn).map_err(|why| invalid(&why))?;
    if !caller.owns(&parsed.account, &parsed.region) || parsed.label.is_some() {
        return Err(OperationError::state_machine_does_not_exist(arn));
    }
    Ok(MachineRef { arn: arn.to_owned(), name: parsed.name, qualifier: parsed.qualifier })
}

/// The execution that this ARN names.
pub fn execution(caller: &Caller, arn: &str) -> Result<ExecutionRef, OperationError> {
    let parsed = ExecutionArn::parse(arn).map_err(|why| invalid(&why))?;
    if !caller.owns(&parsed.account, &parsed.region) || parsed.label.is_some() {
        return Err(OperationError::execution_does_not_exist(arn));
    }
    let ExecutionArn { state_machine, name, .. } = parsed;
    Ok(ExecutionRef { arn: arn.to_owned(), state_machine, name })
}

/// The activity that this ARN names.
pub fn activity(caller: &Caller, arn: &str) -> Result<ActivityRef, OperationError> {
    let parsed = ActivityArn::parse(arn).map_err(|why| invalid(&why))?;
    if !caller.owns(&parsed.account, &parsed.region) {
        return Err(OperationError::activity_does_not_exist(arn));
    }
    Ok(ActivityRef { arn: arn.to_owned(), name: parsed.name })
}

/// Refuses what cannot be the ARN of a role. Roles are kept and echoed, never assumed.
pub fn check_role(arn: &str) -> Result<(), OperationError> {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let is_role = matches!(fields[..], ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws") && is_account(account)
            && !resource.contains(char::is_control)
            && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()));
    if is_role {
        return Ok(());
    }
    let message = format!("Invalid Role Arn: '{arn}'");
    Err(OperationError::new(Kind::InvalidArn, message).at("/role_arn"))
}

/// Refuses what AWS does not take as the name of a state machine or execution.
pub fn check_name(name: &str) -> Result<(), OperationError> {
    if asl::arn::valid_name(name) { Ok(()) } else { Err(OperationError::invalid_name(name)) }
}

/// The number of a version, as the store holds it. None is so high that it would not fit.
pub fn number(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Whether this could be an account: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn invalid(why: &InvalidArn) -> OperationError {
    OperationError::new(Kind::InvalidArn, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller { account: "123456789012".to_owned(), region: "us-east-1".to_owned() }
    }

    #[test]
    fn nobody_sees_another_account_or_region() {
        for arn in [
            "arn:aws:states:us-east-1:999999999999:stateMachine:x",
            "arn:aws:states:eu-west-1:123456789012:stateMachine:x",
        ] {
            let refusal = state_machine(&caller(), arn).unwrap_err();
            assert_eq!(refusal.message, format!("State Machine Does Not Exist: '{arn}'"));
        }
        let arn = "arn:aws:states:us-east-1:999999999999:execution:x:y";
        let refusal = execution(&caller(), arn).unwrap_err();
        assert_eq!(refusal.message, format!("Execution Does Not Exist: '{arn}'"));
        let arn = "arn:aws:states:us-east-1:999999999999:activity:x";
        let refusal = activity(&caller(), arn).unwrap_err();
        assert_eq!(refusal.message, format!("Activity Does Not Exist: '{arn}'"));
    }

    #[test]
    fn what_is_no_arn_is_refused_in_awss_words() {
        let refusal = state_machine(&caller(), "not_an_arn").unwrap_err();
        assert_eq!(refusal.message, "Invalid Arn: 'Invalid ARN prefix: not_an_arn'");
        assert_eq!(refusal.kind, Kind::InvalidArn);
    }

    #[test]
    fn roles_are_roles() {
        assert!(check_role("arn:aws:iam::123456789012:role/a").is_ok());
        assert!(check_role("arn:aws:iam::123456789012:role/service-role/a").is_ok());
        for arn in ["", "role", "arn:aws:iam::1:role/a", "arn:aws:iam::123456789012:user/a"] {
            assert!(check_role(arn).is_err(), "{arn}");
        }
    }
}
