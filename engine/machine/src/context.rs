//! The context object, `$$`.

use serde_json::{Map, Value, json};

use crate::execution::{Execution, Frame};

/// The item an `ItemSelector` is evaluated for.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) index: u32,
    pub(crate) value: &'a Value,
}

/// The context object of a state. `retries` is absent for states that cannot be retried, `token`
/// for those that wait for none.
pub(crate) fn object(
    execution: &Execution,
    frame: &Frame,
    retries: Option<u32>,
    item: Option<Item<'_>>,
    token: Option<&str>,
) -> Value {
    let identity = execution.identity();
    let mut state = Map::new();
    state.insert("Name".to_owned(), json!(&*frame.state));
    state.insert("EnteredTime".to_owned(), json!(frame.entered_at.iso()));
    if let Some(retries) = retries {
        state.insert("RetryCount".to_owned(), json!(retries));
    }
    let mut context = json!({
        "Execution": {
            "Id": identity.arn,
            "Input": execution.input().value(),
            "StartTime": execution.started_at().iso(),
            "Name": identity.name,
            "RoleArn": identity.role_arn,
            "RedriveCount": 0,
        },
        "StateMachine": {
            "Id": identity.state_machine_arn,
            "Name": identity.state_machine_name,
        },
        "State": state,
    });
    if let Some(item) = item {
        context["Map"] = json!({ "Item": { "Index": item.index, "Value": item.value } });
    }
    if let Some(token) = token {
        context["Task"] = json!({ "Token": token });
    }
    context
}
