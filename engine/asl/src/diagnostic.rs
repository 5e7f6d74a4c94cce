//! One thing wrong with a definition, with its place.

use std::cell::RefCell;
use std::fmt::{self, Display, Write};

/// No more errors than this are kept, and no more warnings; whoever has made a thousand mistakes
/// reads no further.
pub const MAX_DIAGNOSTICS: usize = 1_000;

/// One thing wrong with a definition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Whether the definition is refused because of it.
    pub severity: Severity,
    /// What kind of mistake it is, in AWS's words.
    pub code: Code,
    /// AWS's text where AWS has one.
    pub message: String,
    /// Where, as AWS writes it: `/States/Pay/Retry[0]/MaxAttempts`, `/` for the whole definition.
    /// Absent where AWS gives none.
    pub location: Option<String>,
}

impl Display for Diagnostic {
    /// As `CreateStateMachine` lists it: `CODE: message at location`, with `null` where AWS
    /// prints that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = self.location.as_deref().unwrap_or("null");
        write!(f, "{}: {} at {location}", self.code.as_str(), self.message)
    }
}

/// The message of AWS's `InvalidDefinition` error for these diagnostics.
pub fn invalid_definition(diagnostics: &[Diagnostic]) -> String {
    let list: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    format!("Invalid State Machine Definition: '{}'", list.join(", "))
}

/// Whether a definition with this mistake is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// It is.
    Error,
    /// It is not.
    Warning,
}

impl Severity {
    /// As AWS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

/// Kinds of mistakes. The names are AWS's, except [`Code::UnsupportedFeature`] and those of
/// [`Code::ADVICE`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// The text is not JSON.
    InvalidJsonDescription,
    /// A field is missing, unknown, of the wrong type or out of its range.
    SchemaValidationFailed,
    /// No state of the machine ends it.
    MissingEndState,
    /// Two states have one name.
    DuplicateStateName,
    /// A state's name is too long or empty.
    InvalidStateName,
    /// Two distributed Maps have one label.
    DuplicateLabelName,
    /// A label is too long or contains what a label may not.
    InvalidLabelName,
    /// A transition leads nowhere, or none leads to a state.
    MissingTransitionTarget,
    /// The text is nested deeper than is read.
    TooDeeplyNested,
    /// A payload template's field holds a path and lacks the `.$` that makes it one.
    NoDollar,
    /// A field holds a path and its name does not end in `Path`.
    NoPath,
    /// A path in the `Result` of a Pass, where nothing is evaluated.
    PassResultIsStatic,
    /// An expression is no JSONata.
    InvalidJsonataExpression,
    /// An expression mentions what a state has not.
    UnsupportedJsonataExpression,
    /// No way leads to a state but from states that are not reached themselves.
    UnreachedState,
    /// Nothing that may fail is left for a catcher.
    CatcherNeverCatches,
    /// A loop neither waits nor changes what its tasks are given.
    LoopWithoutWait,
    /// Nothing that flows into a state can have what a path names.
    PathNeverExists,
    /// What is written down is larger than AWS's quota for payloads.
    PayloadTooLarge,
    /// A task waits for somebody, without a time limit.
    TaskWithoutTimeout,
    /// JSONata that gives the item where a list of one is thought of.
    SingletonCollapse,
    /// A Lambda task without the retrier that AWS recommends.
    LambdaWithoutRetry,
    /// A parameter that the API of a Task does not have.
    UnknownParameter,
    /// The language has it, this engine does not run it yet. Never among the findings of
    /// [`crate::check`].
    UnsupportedFeature,
}

impl Code {
    /// What only [`crate::review`] says, AWS does not.
    pub const ADVICE: [Self; 9] = [
        Self::UnreachedState,
        Self::CatcherNeverCatches,
        Self::LoopWithoutWait,
        Self::PathNeverExists,
        Self::PayloadTooLarge,
        Self::TaskWithoutTimeout,
        Self::SingletonCollapse,
        Self::LambdaWithoutRetry,
        Self::UnknownParameter,
    ];

    /// All warnings: AWS's, and [`Code::ADVICE`].
    pub fn warnings() -> impl Iterator<Item = Self> {
        [Self::NoDollar, Self::NoPath, Self::PassResultIsStatic].into_iter().chain(Self::ADVICE)
    }

    /// As AWS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingEndState => "MISSING_END_STATE",
            Self::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Self::InvalidStateName => "INVALID_STATE_NAME",
            Self::DuplicateLabelName => "DUPLICATE_LABEL_NAME",
            Self::InvalidLabelName => "INVALID_LABEL_NAME",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::TooDeeplyNested => "TOO_DEEPLY_NESTED",
            Self::NoDollar => "NO_DOLLAR",
            Self::NoPath => "NO_PATH",
            Self::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
            Self::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Self::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Self::UnreachedState => "UNREACHED_STATE",
            Self::CatcherNeverCatches => "CATCHER_NEVER_CATCHES",
            Self::LoopWithoutWait => "LOOP_WITHOUT_WAIT",
            Self::PathNeverExists => "PATH_NEVER_EXISTS",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::TaskWithoutTimeout => "TASK_WITHOUT_TIMEOUT",
            Self::SingletonCollapse => "SINGLETON_COLLAPSE",
            Self::LambdaWithoutRetry => "LAMBDA_WITHOUT_RETRY",
            Self::UnknownParameter => "UNKNOWN_PARAMETER",
            Self::UnsupportedFeature => "UNSUPPORTED_FEATURE",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::NoDollar
            | Self::NoPath
            | Self::PassResultIsStatic
            | Self::UnreachedState
            | Self::CatcherNeverCatches
            | Self::LoopWithoutWait
            | Self::PathNeverExists
            | Self::PayloadTooLarge
            | Self::TaskWithoutTimeout
            | Self::SingletonCollapse
            | Self::LambdaWithoutRetry
            | Self::UnknownParameter => Severity::Warning,
            Self::InvalidJsonDescription
            | Self::SchemaValidationFailed
            | Self::MissingEndState
            | Self::DuplicateStateName
            | Self::InvalidStateName
            | Self::DuplicateLabelName
            | Self::InvalidLabelName
            | Self::MissingTransitionTarget
            | Self::TooDeeplyNested
            | Self::InvalidJsonataExpression
            | Self::UnsupportedJsonataExpression
            | Self::UnsupportedFeature => Severity::Error,
        }
    }
}

/// A place in a definition. It costs nothing until it is written out for a diagnostic.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// This place from its state on: `Choices[1]/Condition`.
    pub(crate) fn within_state(&self) -> String {
        match self {
            Self::Root => String::new(),
            // The state itself.
            Self::Field(parent, _) if parent.holds_states() => String::new(),
            Self::Field(parent, name) => match parent.within_state() {
                outer if outer.is_empty() => (*name).to_owned(),
                outer => format!("{outer}/{name}"),
            },
            Self::Element(parent, index) => format!("{}[{index}]", parent.within_state()),
        }
    }

    /// Whether it is the field `States` of a machine or branch, and not a state of that name.
    fn holds_states(&self) -> bool {
        matches!(self, Self::Field(parent, "States") if !parent.holds_states())
    }
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("/"),
            Self::Field(Place::Root, name) => write!(f, "/{name}"),
            Self::Field(parent, name) => write!(f, "{parent}/{name}"),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The diagnostics found so far. Every reader of a part of the definition holds on to it.
///
/// Each list is bounded by itself, so that no flood of warnings hides an error.
#[derive(Default)]
pub(crate) struct Report {
    errors: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
    unsupported: RefCell<Vec<Diagnostic>>,
}

impl Report {
    pub(crate) fn add(&self, code: Code, place: &dyn Display, message: impl Display) {
        self.push(code, &message, Some(place));
    }

    /// A mistake of the machine as a whole, for which AWS names no place.
    pub(crate) fn add_nowhere(&self, code: Code, message: impl Display) {
        self.push(code, &message, None);
    }

    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        [self.errors, self.warnings, self.unsupported]
            .into_iter()
            .flat_map(RefCell::into_inner)
            .collect()
    }

    fn push(&self, code: Code, message: &dyn Display, place: Option<&dyn Display>) {
        let severity = code.severity();
        let list = match severity {
            Severity::Warning => &self.warnings,
            Severity::Error if code == Code::UnsupportedFeature => &self.unsupported,
            Severity::Error => &self.errors,
        };
        let mut list = list.borrow_mut();
        if list.len() < MAX_DIAGNOSTICS {
            let location = place.map(bounded);
            list.push(Diagnostic { severity, code, message: bounded(message), location });
        }
    }
}

/// The text of this, cut where it gets too long to be read: names and values are the author's,
/// and each may fill the whole definition.
pub(crate) fn bounded(text: &dyn Display) -> String {
    let mut written = Bounded(String::new());
    if write!(written, "{text}").is_err() {
        written.0.push('…');
    }
    written.0
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        const MAX_BYTES: usize = 2_048;
        let room = MAX_BYTES - self.0.len();
        let cut = part.floor_char_boundary(room);
        self.0.push_str(&part[..cut]);
        if cut < part.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
