//! Amazon Resource Names: of state machines, executions and activities, and of what a Task calls.

use std::fmt::{self, Display};
/// A text that is no ARN of the wanted kind. Its message is AWS's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidArn {
    text: String,
    reason: Reason,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Reason {
    /// It does not begin as an ARN does.
    Prefix,
    /// It names another kind of thing: this one.
    Kind(String),
    /// A part is missing or holds what it may not.
    Parts,
}

impl InvalidArn {
    fn new(text: &str, reason: Reason) -> Self {
        Self { text: text.to_owned(), reason }
    }
}

impl Display for InvalidArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.reason {
            Reason::Prefix => write!(f, "Invalid Arn: 'Invalid ARN prefix: {text}'"),
            Reason::Kind(kind) => {
                write!(f, "Invalid Arn: 'Resource type not valid in this context: {kind}'")
            }
            Reason::Parts => write!(f, "Invalid Arn: '{text}'"),
        }
    }
}

impl std::error::Error for InvalidArn {}

/// The first five parts of an ARN of Step Functions, and what follows them.
struct Parts<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    rest: &'a str,
}

/// Takes `arn:PARTITION:states:REGION:ACCOUNT:KIND:…` apart.
fn split<'a>(text: &'a str, wanted: &str) -> Result<Parts<'a>, InvalidArn> {
    let parts: Vec<&str> = text.splitn(7, ':').collect();
    let ["arn", partition, service, region, account, kind, rest] = parts[..] else {
        let reason = if text.starts_with("arn:") { Reason::Parts } else { Reason::Prefix };
        return Err(InvalidArn::new(text, reason));
    };
    if [partition, region, account].contains(&"") || service != "states" {
        return Err(InvalidArn::new(text, Reason::Parts));
    }
    if kind != wanted {
        return Err(InvalidArn::new(text, Reason::Kind(kind.to_owned())));
    }
    Ok(Parts { partition, region, account, rest })
}

/// Whether AWS accepts this as the name of a state machine, an execution or an activity.
pub fn valid_name(name: &str) -> bool {
    const MAX_CHARS: usize = 80;
    const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";
    !name.is_empty()
        && name.chars().count() <= MAX_CHARS
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || FORBIDDEN.contains(c))
}

/// `arn:aws:states:REGION:ACCOUNT:stateMachine:NAME`, perhaps with a version, an alias or the
/// label of a distributed Map.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StateMachineArn {
    pub partition: String,
    pub region: String,
    pub account: String,
    pub name: String,
    /// `NAME/LABEL`.
    pub label: Option<String>,
    /// `NAME:QUALIFIER`.
    pub qualifier: Option<Qualifier>,
}

/// Which publication of a state machine is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Qualifier {
    Version(u64),
    Alias(String),
}

impl StateMachineArn {
    /// Reads the ARN of a state machine, a version or an alias.
    pub fn parse(text: &str) -> Result<Self, InvalidArn> {
        let parts = split(text, "stateMachine")?;
        let invalid = || InvalidArn::new(text, Reason::Parts);
        let (machine, qualifier) = match parts.rest.split_once(':') {
            Some((machine, qualifier)) => {
                (machine, Some(Qualifier::parse(qualifier).ok_or_else(invalid)?))
            }
            None => (parts.rest, None),
        };
        let (name, label) = with_label(machine);
        if !valid_name(name) || label.is_some_and(str::is_empty) {
            return Err(invalid());
        }
        Ok(Self {
            partition: parts.partition.to_owned(),
            region: parts.region.to_owned(),
            account: parts.account.to_owned(),
            name: name.to_owned(),
            label: label.map(str::to_owned),
            qualifier,
        })
    }
}

impl Qualifier {
    /// Reads a version number or the name of an alias.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::Version);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let alias = !text.is_empty() && text.len() <= 80 && text.chars().all(allowed);
        alias.then(|| Self::Alias(text.to_owned()))
    }
}

impl Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "{version}"),
            Self::Alias(alias) => f.write_str(alias),
        }
    }
}

impl Display for StateMachineArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name, label, qualifier } = self;
        write!(f, "arn:{partition}:states:{region}:{account}:stateMachine:{name}")?;
        if let Some(label) = label {
            write!(f, "/{label}")?;
        }
        if let Some(qualifier) = qualifier {
            write!(f, ":{qualifier}")?;
        }
        Ok(())
    }
}

/// `arn:aws:states:REGION:ACCOUNT:execution:STATE_MACHINE:NAME`; for the child executions of a
/// distributed Map `STATE_MACHINE/LABEL`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecutionArn {
    pub partition: String,
    pub region: String,
    pub account: String,
    pub state_machine: String,
    pub label: Option<String>,
    pub name: String,
}

impl ExecutionArn {
    /// Reads the ARN of an execution.
    pub fn parse(text: &str) -> Result<Self, InvalidArn> {
        let parts = split(text, "execution")?;
        let invalid = || InvalidArn::new(text, Reason::Parts);
        let (machine, name) = parts.rest.split_once(':').ok_or_else(invalid)?;
        let (state_machine, label) = with_label(machine);
        let valid = valid_name(state_machine) && valid_name(name);
        if !valid || label.is_some_and(str::is_empty) {
            return Err(invalid());
        }
        Ok(Self {
            partition: parts.partition.to_owned(),
            region: parts.region.to_owned(),
            account: parts.account.to_owned(),
            state_machine: state_machine.to_owned(),
            label: label.map(str::to_owned),
            name: name.to_owned(),
        })
    }

    /// The ARN of its state machine, without version or alias.
    pub fn state_machine(&self) -> StateMachineArn {
        StateMachineArn {
            partition: self.partition.clone(),
            region: self.region.clone(),
            account: self.account.clone(),
            name: self.state_machine.clone(),
            label: self.label.clone(),
            qualifier: None,
        }
    }
}

impl Display for ExecutionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, state_machine, label, name } = self;
        write!(f, "arn:{partition}:states:{region}:{account}:execution:{state_machine}")?;
        if let Some(label) = label {
            write!(f, "/{label}")?;
        }
        write!(f, ":{name}")
    }
}

/// `arn:aws:states:REGION:ACCOUNT:activity:NAME`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ActivityArn {
    pub partition: String,
    pub region: String,
    pub account: String,
    pub name: String,
}

impl ActivityArn {
    /// Reads the ARN of an activity.
    pub fn parse(text: &str) -> Result<Self, InvalidArn> {
        let parts = split(text, "activity")?;
        if !valid_name(parts.rest) {
            return Err(InvalidArn::new(text, Reason::Parts));
        }
        Ok(Self {
            partition: parts.partition.to_owned(),
            region: parts.region.to_owned(),
            account: parts.account.to_owned(),
            name: parts.rest.to_owned(),
        })
    }
}

impl Display for ActivityArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name } = self;
        write!(f, "arn:{partition}:states:{region}:{account}:activity:{name}")
    }
}

fn with_label(machine: &str) -> (&str, Option<&str>) {
    match machine.split_once('/') {
        Some((name, label)) => (name, Some(label)),
        None => (machine, None),
    }
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LambdaFunctionArn {
    pub partition: String,
    pub region: String,
    pub account: String,
    pub name: String,
    /// A version, an alias or `$LATEST`.
    pub qualifier: Option<String>,
}

impl LambdaFunctionArn {
    /// Reads the ARN of a function. Region and account may be anything: nothing here depends on
    /// them.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (["arn", partition, "lambda", region, account, "function", name], qualifier) =
            (parts.get(..7)?, parts.get(7..)?)
        else {
            return None;
        };
        let word = |text: &str| {
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        let at_most_one = match qualifier {
            [] => true,
            [qualifier] => word(qualifier),
            _ => false,
        };
        (partition.starts_with("aws") && word(name) && at_most_one).then(|| Self {
            partition: (*partition).to_owned(),
            region: (*region).to_owned(),
            account: (*account).to_owned(),
            name: (*name).to_owned(),
            qualifier: qualifier.first().map(|it| (*it).to_owned()),
        })
    }
}

impl Display for LambdaFunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name, qualifier } = self;
        write!(f, "arn:{partition}:lambda:{region}:{account}:function:{name}")?;
        match qualifier {
            Some(qualifier) => write!(f, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ActivityArn, ExecutionArn, Qualifier, StateMachineArn, valid_name};

    #[test]
    fn arns_are_written_as_they_are_read() {
        for text in [
            "arn:aws:states:us-east-1:123456789012:stateMachine:m",
            "arn:aws:states:us-east-1:123456789012:stateMachine:m:7",
            "arn:aws:states:us-east-1:123456789012:stateMachine:m:live",
            "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:m/label",
        ] {
            assert_eq!(StateMachineArn::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "arn:aws:states:us-east-1:123456789012:execution:m:e",
            "arn:aws:states:us-east-1:123456789012:execution:m/label:e",
        ] {
            assert_eq!(ExecutionArn::parse(text).unwrap().to_string(), text);
        }
        let text = "arn:aws:states:us-east-1:123456789012:activity:a";
        assert_eq!(ActivityArn::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn a_qualifier_is_a_version_or_an_alias() {
        assert_eq!(Qualifier::parse("12"), Some(Qualifier::Version(12)));
        assert_eq!(Qualifier::parse("12a"), Some(Qualifier::Alias("12a".to_owned())));
        for wrong in ["", "a b", "99999999999999999999"] {
            assert_eq!(Qualifier::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_execution_knows_its_machine() {
        let arn =
            ExecutionArn::parse("arn:aws:states:us-east-1:123456789012:execution:m:e").unwrap();
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
        assert_eq!(arn.state_machine().to_string(), machine);
    }

    #[test]
    fn what_is_no_arn_is_refused_in_aws_words() {
        let refused = |text| StateMachineArn::parse(text).unwrap_err().to_string();
        assert_eq!(
            refused("not_a_valid_arn"),
            "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'"
        );
        assert_eq!(
            refused("arn:aws:states:us-east-1:123456789012:execution:m:e"),
            "Invalid Arn: 'Resource type not valid in this context: execution'"
        );
        for text in [
            "arn:",
            "arn:aws:states",
            "arn:aws:states:us-east-1:123456789012:stateMachine:",
            "arn:aws:states:us-east-1:123456789012:stateMachine:a b",
            "arn:aws:states:us-east-1:123456789012:stateMachine:m/",
            "arn:aws:s3:us-east-1:123456789012:stateMachine:m",
        ] {
            assert_eq!(refused(text), format!("Invalid Arn: '{text}'"));
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        assert!(valid_name("Order-7_é.x+y"));
        let long = "n".repeat(81);
        for name in ["", " ", "a b", "a/b", "a:b", "a\u{7}", "a*", "a\\", "a`", &long] {
            assert!(!valid_name(name), "{name:?}");
        }
    }
}
