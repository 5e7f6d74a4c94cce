//! Revisions: what an update can change. Executions are pinned to one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use runtime::Engine;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{NewStateMachine, Revision, StateMachine, Version};
use uuid::Uuid;

use super::configuration::{Encryption, Logging, Tracing};
use super::state_machines::Update;

/// What a revision holds: executions are pinned to one.
#[derive(Clone, Debug)]
pub struct Pinned {
    pub definition: String,
    pub role_arn: String,
    pub logging: Logging,
    pub tracing: Tracing,
    /// Only if it was given.
    pub encryption: Option<Encryption>,
    /// Absent for the revision the state machine was created with, as on AWS.
    pub revision_id: Option<Uuid>,
    pub made_at: DateTime<Utc>,
    /// The variables that each state mentions; empty if none does.
    pub variable_references: VariableReferences,
}

/// Names of variables by names of states.
pub type VariableReferences = BTreeMap<String, BTreeSet<String>>;

/// What a revision shows of itself.
pub(super) async fn pinned(engine: &Engine, revision: Revision) -> Pinned {
    // One that does not compile with this release is shown all the same.
    let program = engine.program(revision.id).await.ok();
    let references: VariableReferences = program
        .iter()
        .flat_map(|program| program.variable_references())
        .map(|(state, variables)| (state.to_owned(), variables))
        .collect();
    // The default is shown as in AWS's answers since there are variables and JSONata; in those recorded
    // before, the member is not there.
    let by_default =
        !references.is_empty() || program.is_some_and(|program| program.assigns_or_queries());
    Pinned {
        variable_references: references,
        logging: parsed(revision.logging.as_deref()),
        tracing: parsed(revision.tracing.as_deref()),
        encryption: parsed::<Option<Encryption>>(revision.encryption.as_deref())
            .or_else(|| by_default.then(Encryption::default)),
        revision_id: (!revision.initial).then_some(revision.id),
        made_at: revision.created_at,
        definition: revision.definition,
        role_arn: revision.role_arn,
    }
}

/// What [`json`] wrote, or the default where nothing was given.
fn parsed<T: DeserializeOwned + Default>(text: Option<&str>) -> T {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// A configuration as the store keeps it.
pub(super) fn json(configuration: &impl Serialize) -> String {
    serde_json::to_string(configuration).expect("strings and numbers can be written as JSON")
}

/// Whether this is what the request would have created.
pub(super) fn is_same(
    machine: &StateMachine,
    published: Option<&Version>,
    new: &NewStateMachine,
) -> bool {
    let (is, would_be) = (&machine.revision, &new.revision);
    let same_publication = match (published, &new.publish) {
        (None, None) => true,
        (Some(version), Some(publication)) => version.description == publication.description,
        (Some(_), None) | (None, Some(_)) => false,
    };
    machine.kind == new.kind
        && is.definition == would_be.definition
        && parsed::<Logging>(is.logging.as_deref()) == parsed(would_be.logging.as_deref())
        && parsed::<Tracing>(is.tracing.as_deref()) == parsed(would_be.tracing.as_deref())
        && is.encryption == would_be.encryption
        && same_publication
}

/// Whether a revision already is as an update wants it.
pub(super) fn changes_nothing(revision: &Revision, request: &Update) -> bool {
    let Update { definition, role_arn, logging, tracing, encryption, .. } = request;
    definition.as_ref().is_none_or(|it| *it == revision.definition)
        && role_arn.as_ref().is_none_or(|it| *it == revision.role_arn)
        && logging.as_ref().is_none_or(|it| *it == parsed(revision.logging.as_deref()))
        && tracing.as_ref().is_none_or(|it| *it == parsed(revision.tracing.as_deref()))
        && encryption.as_ref().is_none_or(|it| Some(json(it)) == revision.encryption)
}
