//! Groups of schedules and their tags on Scheduler's wire.

use runtime::Engine;
use serde_json::{Value, json};
use store::ScheduleGroup;

use super::super::answer::{moment, object};
use super::super::members::{Members, Pattern, Text};
use super::{Answer, CLIENT_TOKEN, NAME, NEXT_TOKEN};
use crate::error::OperationError;
use crate::operations::tags::Tag;
use crate::operations::{Caller, schedule_groups};

const GROUP_ARN: Text = Text::within(1, 1011).matching(Pattern {
    spelled: r"arn:aws[a-z-]*:scheduler:[a-z0-9\-]+:\d{12}:schedule-group\/[0-9a-zA-Z-_.]+",
    matches: |text| text.starts_with("arn:aws") && text.contains(":schedule-group/"),
});
const TAG_KEY: Text = Text::within(1, 128);
const TAG_VALUE: Text = Text::within(1, 256);

pub(super) async fn create(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let name = members.required("Name", NAME)?;
    let token = members.text("ClientToken", CLIENT_TOKEN)?;
    let tags = tags(&mut members)?.unwrap_or_default();
    members.check()?;
    schedule_groups::create(engine, caller, &name, tags, token).await?;
    Ok(json!({ "ScheduleGroupArn": caller.schedule_group_arn(&name) }).into())
}

pub(super) async fn get(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let name = members.required("Name", NAME)?;
    members.check()?;
    let group = schedule_groups::describe(engine, caller, &name).await?;
    Ok(shown(caller, &group).into())
}

pub(super) async fn delete(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let name = members.required("Name", NAME)?;
    members.text("ClientToken", CLIENT_TOKEN)?;
    members.check()?;
    schedule_groups::delete(engine, caller, &name).await?;
    Ok(json!({}).into())
}

pub(super) async fn list(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let prefix = members.text("NamePrefix", NAME)?;
    let max_results = members.number("MaxResults", 1, 100)?;
    let token = members.text("NextToken", NEXT_TOKEN)?;
    members.check()?;
    let (prefix, token) = (prefix.as_deref(), token.as_deref());
    let page = schedule_groups::list(engine, caller, prefix, max_results, token).await?;
    let groups: Vec<Value> = page.items.iter().map(|group| shown(caller, group)).collect();
    Ok(object([
        ("ScheduleGroups", Some(Value::from(groups))),
        ("NextToken", page.next_token.map(Value::from)),
    ])
    .into())
}

pub(super) async fn tag(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let arn = members.required("ResourceArn", GROUP_ARN)?;
    let tags = tags(&mut members)?;
    if tags.is_none() {
        members.missing("Tags");
    }
    members.check()?;
    schedule_groups::tag(engine, caller, &arn, tags.unwrap_or_default()).await?;
    Ok(json!({}).into())
}

pub(super) async fn untag(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let arn = members.required("ResourceArn", GROUP_ARN)?;
    let keys = members.texts("TagKeys", TAG_KEY)?;
    if keys.is_none() {
        members.missing("TagKeys");
    }
    members.check()?;
    schedule_groups::untag(engine, caller, &arn, &keys.unwrap_or_default()).await?;
    Ok(json!({}).into())
}

pub(super) async fn list_tags(
    engine: &Engine,
    caller: &Caller,
    mut members: Members,
) -> Result<Answer, OperationError> {
    let arn = members.required("ResourceArn", GROUP_ARN)?;
    members.check()?;
    let tags = schedule_groups::tags(engine, caller, &arn).await?;
    let tags: Vec<Value> =
        tags.into_iter().map(|tag| json!({ "Key": tag.key, "Value": tag.value })).collect();
    Ok(json!({ "Tags": tags }).into())
}

fn tags(members: &mut Members) -> Result<Option<Vec<Tag>>, OperationError> {
    members.structures("Tags", |tag| {
        let key = tag.required("Key", TAG_KEY)?;
        Ok(Tag { key, value: tag.required("Value", TAG_VALUE)? })
    })
}

/// A group that is `DELETING` is so until its last schedule is gone.
fn shown(caller: &Caller, group: &ScheduleGroup) -> Value {
    json!({
        "Arn": caller.schedule_group_arn(&group.name),
        "Name": group.name,
        "State": if group.is_deleting { "DELETING" } else { "ACTIVE" },
        "CreationDate": moment(group.created_at),
        "LastModificationDate": moment(group.modified_at),
    })
}
