//! Amazon Resource Names: of state machines, executions and activities, and of what a Task calls.

use std::fmt::{self, Display};
/// A text that is no ARN of the wanted kind. Its message is AWS's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidArn {
    text: String,
    /// Whether it begins as an ARN does.
    prefix: bool,
    wanted: &'static str,
}

impl Display for InvalidArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix {
            write!(f, "Invalid Arn: 'Resource type not valid in this context: {}'", self.wanted)
        } else {
            write!(f, "Invalid Arn: 'Invalid ARN prefix: {}'", self.text)
        }
    }
}

impl std::error::Error for InvalidArn {}

/// The first five parts of an ARN of Step Functions, and what follows them.
struct Parts<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    kind: &'a str,
    rest: &'a str,
}

fn split<'a>(text: &'a str, wanted: &'static str) -> Result<Parts<'a>, InvalidArn> {
    let invalid = |prefix| InvalidArn { text: text.to_owned(), prefix, wanted };
    let mut parts = text.splitn(7, ':');
    if parts.next() != Some("arn") {
        return Err(invalid(false));
    }
    let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or(invalid(true));
    let (partition, service, region, account) = (next()?, next()?, next()?, next()?);
    let (kind, rest) = (next()?, next()?);
    if service != "states" || kind.is_empty() || rest.is_empty() {
        return Err(invalid(true));
    }
    Ok(Parts { partition, region, account, kind, rest })
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
        const KIND: &str = "stateMachine";
        let parts = split(text, KIND)?;
        let invalid = || InvalidArn { text: text.to_owned(), prefix: true, wanted: KIND };
        let (machine, qualifier) = match parts.rest.split_once(':') {
            Some((machine, qualifier)) => {
                (machine, Some(Qualifier::parse(qualifier).ok_or_else(invalid)?))
            }
            None => (parts.rest, None),
        };
        let (name, label) = with_label(machine);
        if parts.kind != KIND || !valid_name(name) || label.is_some_and(str::is_empty) {
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
        const KIND: &str = "execution";
        let parts = split(text, KIND)?;
        let invalid = || InvalidArn { text: text.to_owned(), prefix: true, wanted: KIND };
        let (machine, name) = parts.rest.split_once(':').ok_or_else(invalid)?;
        let (state_machine, label) = with_label(machine);
        let valid = parts.kind == KIND && valid_name(state_machine) && valid_name(name);
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
        const KIND: &str = "activity";
        let parts = split(text, KIND)?;
        if parts.kind != KIND || !valid_name(parts.rest) {
            return Err(InvalidArn { text: text.to_owned(), prefix: true, wanted: KIND });
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
