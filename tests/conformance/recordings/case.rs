//! A recorded conversation as the file has it: what to do, and what AWS answered.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::data;

/// One case of the reference data's `asl/cases`.
#[derive(Deserialize)]
pub(super) struct Case {
    /// Stable and unique.
    pub(super) id: String,
    /// `aws_needs_fixing` where the recording is only advice.
    pub(super) quality: Option<String>,
    /// What the case is about, and what it needs.
    pub(super) needs: Vec<String>,
    /// Lambda functions to provide.
    #[serde(default)]
    pub(super) functions: BTreeMap<String, Function>,
    /// What to do, in order.
    pub(super) steps: Vec<Step>,
    /// Label to pattern.
    pub(super) expect: Map<String, Value>,
    /// Regular expressions that placeholders name.
    #[serde(default)]
    pub(super) patterns: BTreeMap<String, String>,
    /// Lists of texts that placeholders name.
    #[serde(default)]
    pub(super) alternatives: BTreeMap<String, Vec<String>>,
    /// Read for one thing only: whether AWS's own HTTP metadata may be left out.
    #[serde(default)]
    skip_paths: Vec<String>,
}

impl Case {
    /// A failure of such a case is shown and not counted.
    pub(super) fn is_advisory(&self) -> bool {
        self.quality.as_deref() == Some("aws_needs_fixing")
    }

    /// `SdkHttpMetadata` and `SdkResponseMetadata` are headers of the AWS service that answered;
    /// the format allows to leave them out where the case names them.
    pub(super) fn leaves_out_sdk_metadata(&self) -> bool {
        self.skip_paths
            .iter()
            .any(|path| path.contains("SdkHttpMetadata") || path.contains("SdkResponseMetadata"))
    }
}

/// One thing to do.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    /// Calls an operation, of Step Functions unless a service is named.
    Call {
        call: String,
        params: Value,
        save: String,
        service: Option<String>,
        #[serde(default)]
        error: bool,
        account: Option<String>,
        #[serde(default)]
        paginate: bool,
    },
    /// Compares a value with the pattern of a label.
    Expect { expect: String, value: Value },
    /// Polls until something holds.
    Await(Await),
    /// Something outside of Step Functions that has a name.
    Resource {
        resource: String,
        name: Option<String>,
        save: Option<String>,
        account: Option<String>,
        delete: Option<String>,
    },
    /// Steps that run beside the following ones.
    Background { background: Vec<Step> },
    /// Removes a function.
    Function { function: String, name: String },
}

/// A condition and what it is about; every text may hold references.
#[derive(Deserialize)]
pub(super) struct Await {
    #[serde(rename = "await")]
    pub(super) condition: String,
    #[serde(flatten)]
    pub(super) about: Map<String, Value>,
}

/// A Lambda function to provide.
#[derive(Clone, Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) behaviour: Behaviour,
}

/// What a function does.
#[derive(Clone, Deserialize)]
#[serde(tag = "behaviour", rename_all = "snake_case")]
pub(crate) enum Behaviour {
    Echo,
    Return {
        value: Value,
    },
    ReturnRaw {
        char: String,
        length: usize,
    },
    Prefix {
        prefix: String,
    },
    Sleep {
        seconds: f64,
    },
    #[serde(rename_all = "camelCase")]
    Raise {
        error_message: String,
        error_type: String,
        stack_trace: Value,
        #[serde(rename = "payload_spacing")]
        spacing: Spacing,
    },
}

/// How a failing function's payload is written.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spacing {
    Compact,
    Spaced,
}

/// All recorded cases, ordered by id.
pub(super) fn load_all() -> Result<Vec<Case>> {
    #[derive(Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }
    let folder = data::find("asl/cases")?;
    let mut cases = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let file: Cases =
            serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        cases.extend(file.cases);
    }
    cases.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(cases)
}
