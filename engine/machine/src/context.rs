//! The context object, `$$`.

use asl::Part;
use serde_json::Value;

use crate::execution::{Execution, Frame};

/// The item an `ItemSelector` is evaluated for.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) index: u32,
    pub(crate) value: &'a Value,
}

/// The context object of a state. `retries` is absent for states that cannot be retried, `token`
/// for those that wait for none. The execution's input and a Map's item are not copied.
pub(crate) fn object<'a>(
    execution: &'a Execution,
    frame: &'a Frame,
    retries: Option<u32>,
    item: Option<Item<'a>>,
    token: Option<&'a str>,
) -> Part<'a> {
    let text = |text: &'a str| Part::Text(text.into());
    let identity = execution.identity();
    let mut state = vec![
        ("Name", text(&frame.state)),
        ("EnteredTime", Part::Text(frame.entered_at.iso().into())),
    ];
    state.extend(retries.map(|retries| ("RetryCount", Part::Number(retries))));
    let mut of_execution = vec![
        ("Id", text(&identity.arn)),
        ("Input", Part::Data(execution.input().value())),
        ("StartTime", Part::Text(execution.started_at().iso().into())),
        ("Name", text(&identity.name)),
        ("RoleArn", text(&identity.role_arn)),
        ("RedriveCount", Part::Number(execution.redrives())),
    ];
    let redriven_at = execution.redriven_at().map(|at| Part::Text(at.iso().into()));
    of_execution.extend(redriven_at.map(|at| ("RedriveTime", at)));
    let mut context = vec![
        ("Execution", Part::Object(of_execution)),
        (
            "StateMachine",
            Part::Object(vec![
                ("Id", text(&identity.state_machine_arn)),
                ("Name", text(&identity.state_machine_name)),
            ]),
        ),
        ("State", Part::Object(state)),
    ];
    if let Some(Item { index, value }) = item {
        let item = vec![("Index", Part::Number(index)), ("Value", Part::Data(value))];
        context.push(("Map", Part::Object(vec![("Item", Part::Object(item))])));
    }
    context.extend(token.map(|token| ("Task", Part::Object(vec![("Token", text(token))]))));
    Part::Object(context)
}
