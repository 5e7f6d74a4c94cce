//! The AWS door: a state machine's life, an execution's life, versions, tags, pages.

use serde_json::json;
use store::{AccessKey, Scope};
use tests::aws::Aws;
use tests::signing::Key;

use super::{Client, ROLE, Served, pass, refused, wait};

const BASE: &str = "arn:aws:states:us-east-1:123456789012";

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_door_answers_as_aws_does() {
    let served = Served::start().await;
    let client = &served.client;
    a_state_machine_lives(client).await;
    an_execution_lives(client).await;
    a_start_is_idempotent_while_it_runs(client).await;
    versions_are_published_and_run(client).await;
    tags_are_kept(client).await;
    lists_come_in_pages(client).await;
    accounts_do_not_see_one_another(&served).await;
    a_deleted_machine_waits_for_its_last_execution(client).await;
    served.stop().await;
}

async fn a_state_machine_lives(client: &Client) {
    let arn = format!("{BASE}:stateMachine:life");
    let create = json!({ "name": "life", "definition": pass(), "roleArn": ROLE });
    let created = json!({ "stateMachineArn": arn, "creationDate": "<seconds>" });
    let first = client.check_aws("CreateStateMachine", create.clone(), 200, created.clone()).await;
    let again = client.check_aws("CreateStateMachine", create.clone(), 200, created.clone()).await;
    assert_eq!(first, again, "creating is idempotent");
    let mut other_role = create.clone();
    other_role["roleArn"] = json!("arn:aws:iam::123456789012:role/other");
    other_role["tags"] = json!([{ "key": "a", "value": "b" }]);
    client.check_aws("CreateStateMachine", other_role, 200, created).await;
    let taken =
        refused("StateMachineAlreadyExists", &format!("State Machine Already Exists: '{arn}'"));
    for (member, value) in [
        ("definition", json!(wait(1))),
        ("type", json!("EXPRESS")),
        ("tracingConfiguration", json!({ "enabled": true })),
        ("publish", json!(true)),
    ] {
        let mut other = create.clone();
        other[member] = value;
        client.check_aws("CreateStateMachine", other, 400, taken.clone()).await;
    }

    let describe = json!({ "stateMachineArn": arn });
    let mut described = json!({
        "stateMachineArn": arn, "name": "life", "status": "ACTIVE", "definition": pass(),
        "roleArn": ROLE, "type": "STANDARD", "creationDate": "<seconds>",
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
        "tracingConfiguration": { "enabled": false },
    });
    client.check_aws("DescribeStateMachine", describe.clone(), 200, described.clone()).await;
    let update = json!({ "stateMachineArn": arn, "definition": wait(1) });
    let updated = json!({ "updateDate": "<seconds>", "revisionId": "<uuid>" });
    let revision =
        client.check_aws("UpdateStateMachine", update.clone(), 200, updated.clone()).await;
    let same = client.check_aws("UpdateStateMachine", update, 200, updated).await;
    assert_eq!(revision["revisionId"], same["revisionId"], "an equal update makes no revision");
    let execution = format!("{BASE}:execution:life:one");
    let start = json!({ "stateMachineArn": arn, "name": "one" });
    client.aws("StartExecution", start).await;
    client.wait_for_end(&execution).await;
    let by_arn = json!({ "executionArn": execution });
    let (_, pinned) = client.aws("DescribeStateMachineForExecution", by_arn).await;
    assert_eq!(pinned["definition"], json!(wait(1)), "an update is seen by the next start");
    described["definition"] = json!(wait(1));
    described["revisionId"] = revision["revisionId"].clone();
    client.check_aws("DescribeStateMachine", describe.clone(), 200, described.clone()).await;
    described["definition"] = json!("{}");
    let metadata = json!({ "stateMachineArn": arn, "includedData": "METADATA_ONLY" });
    client.check_aws("DescribeStateMachine", metadata, 200, described).await;
    client
        .check_aws(
            "UpdateStateMachine",
            describe.clone(),
            400,
            refused(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the \
                 TracingConfiguration must be specified",
            ),
        )
        .await;

    client.check_aws("DeleteStateMachine", describe.clone(), 200, json!({})).await;
    client.check_aws("DeleteStateMachine", describe.clone(), 200, json!({})).await;
    let gone =
        refused("StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{arn}'"));
    client.check_aws("DescribeStateMachine", describe, 400, gone).await;
}

async fn an_execution_lives(client: &Client) {
    let machine = format!("{BASE}:stateMachine:run");
    let create = json!({ "name": "run", "definition": pass(), "roleArn": ROLE });
    client.aws("CreateStateMachine", create).await;
    let execution = format!("{BASE}:execution:run:one");
    let start = json!({ "stateMachineArn": machine, "name": "one", "input": "{\"a\" :  1}" });
    let started = json!({ "executionArn": execution, "startDate": "<seconds>" });
    client.check_aws("StartExecution", start.clone(), 200, started).await;
    client.wait_for_end(&execution).await;
    let described = json!({
        "executionArn": execution, "stateMachineArn": machine, "name": "one",
        "status": "SUCCEEDED", "startDate": "<seconds>", "stopDate": "<seconds>",
        "input": "{\"a\" :  1}", "inputDetails": { "included": true },
        "output": "{\"a\" :  1}", "outputDetails": { "included": true },
        "redriveCount": 0, "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    });
    let by_arn = json!({ "executionArn": execution });
    client.check_aws("DescribeExecution", by_arn.clone(), 200, described).await;
    let taken =
        refused("ExecutionAlreadyExists", &format!("Execution Already Exists: '{execution}'"));
    client.check_aws("StartExecution", start, 400, taken).await;
    let pinned = json!({
        "stateMachineArn": machine, "name": "run", "definition": pass(), "roleArn": ROLE,
        "updateDate": "<seconds>", "tracingConfiguration": { "enabled": false },
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
    });
    client.check_aws("DescribeStateMachineForExecution", by_arn.clone(), 200, pinned).await;
    a_history_comes_in_pages(client, &execution).await;
}

async fn a_history_comes_in_pages(client: &Client, execution: &str) {
    let event = |id: u64, previous: u64, kind: &str| {
        json!({
            "id": id, "previousEventId": previous, "type": kind, "timestamp": "<seconds>",
        })
    };
    let first = client
        .check_aws(
            "GetExecutionHistory",
            json!({ "executionArn": execution, "includeExecutionData": false, "maxResults": 2 }),
            200,
            json!({
                "events": [
                    with(event(1, 0, "ExecutionStarted"), "executionStartedEventDetails", json!({ "roleArn": ROLE })),
                    with(event(2, 0, "PassStateEntered"), "stateEnteredEventDetails", json!({ "name": "A" })),
                ],
                "nextToken": "<any>",
            }),
        )
        .await;
    client
        .check_aws(
            "GetExecutionHistory",
            json!({
                "executionArn": execution, "includeExecutionData": false, "maxResults": 2,
                "nextToken": first["nextToken"],
            }),
            200,
            json!({ "events": [
                with(event(3, 2, "PassStateExited"), "stateExitedEventDetails", json!({ "name": "A" })),
                with(event(4, 3, "ExecutionSucceeded"), "executionSucceededEventDetails", json!({})),
            ] }),
        )
        .await;
    let mut ids = Vec::new();
    let mut next_token = None;
    loop {
        let page = json!({
            "executionArn": execution, "reverseOrder": true, "maxResults": 3, "nextToken": next_token,
        });
        let (_, answer) = client.aws("GetExecutionHistory", page).await;
        ids.extend(
            answer["events"].as_array().unwrap().iter().map(|it| it["id"].as_u64().unwrap()),
        );
        match answer.get("nextToken") {
            Some(next) => next_token = Some(next.clone()),
            None => break,
        }
    }
    assert_eq!(ids, [4, 3, 2, 1]);
}

async fn a_start_is_idempotent_while_it_runs(client: &Client) {
    let machine = format!("{BASE}:stateMachine:slow");
    let create = json!({ "name": "slow", "definition": wait(3600), "roleArn": ROLE });
    client.aws("CreateStateMachine", create).await;
    let execution = format!("{BASE}:execution:slow:one");
    let start = json!({ "stateMachineArn": machine, "name": "one" });
    let started = json!({ "executionArn": execution, "startDate": "<seconds>" });
    let first = client.check_aws("StartExecution", start.clone(), 200, started.clone()).await;
    let again = client.check_aws("StartExecution", start.clone(), 200, started).await;
    assert_eq!(first, again);
    let taken =
        refused("ExecutionAlreadyExists", &format!("Execution Already Exists: '{execution}'"));
    let other = json!({ "stateMachineArn": machine, "name": "one", "input": "{ }" });
    client.check_aws("StartExecution", other, 400, taken.clone()).await;
    let stop = json!({ "executionArn": execution, "error": "Enough", "cause": "because" });
    let stopped = json!({ "stopDate": "<seconds>" });
    let first = client.check_aws("StopExecution", stop.clone(), 200, stopped.clone()).await;
    let again = client.check_aws("StopExecution", stop, 200, stopped).await;
    assert_eq!(first, again, "stopping again changes nothing");
    client.check_aws("StartExecution", start, 400, taken).await;
    let described = client.wait_for_end(&execution).await;
    assert_eq!(described["status"], "ABORTED");
    assert_eq!(described["redriveStatus"], "REDRIVABLE");
    assert_eq!((&described["error"], &described["cause"]), (&json!("Enough"), &json!("because")));
}

async fn versions_are_published_and_run(client: &Client) {
    let machine = format!("{BASE}:stateMachine:versioned");
    let create = json!({
        "name": "versioned", "definition": pass(), "roleArn": ROLE, "publish": true,
        "versionDescription": "first",
    });
    let one = format!("{machine}:1");
    let created = json!({
        "stateMachineArn": machine, "creationDate": "<seconds>", "stateMachineVersionArn": one,
    });
    client.check_aws("CreateStateMachine", create.clone(), 200, created.clone()).await;
    client.check_aws("CreateStateMachine", create, 200, created).await;
    let update = json!({ "stateMachineArn": machine, "definition": wait(1), "publish": true });
    let updated = json!({
        "updateDate": "<seconds>", "revisionId": "<uuid>",
        "stateMachineVersionArn": format!("{machine}:2"),
    });
    client.check_aws("UpdateStateMachine", update, 200, updated).await;
    let publish = json!({ "stateMachineArn": machine, "revisionId": "INITIAL" });
    let (status, refusal) = client.aws("PublishStateMachineVersion", publish).await;
    assert_eq!((status, &refusal["__type"]), (400, &json!("ConflictException")));
    let listed = json!({
        "stateMachineVersions": [
            { "stateMachineVersionArn": format!("{machine}:2"), "creationDate": "<seconds>" },
        ],
        "nextToken": "<any>",
    });
    let page = json!({ "stateMachineArn": machine, "maxResults": 1 });
    client.check_aws("ListStateMachineVersions", page, 200, listed).await;

    let start = json!({ "stateMachineArn": one, "name": "of-one" });
    client.aws("StartExecution", start).await;
    let described = client.wait_for_end(&format!("{BASE}:execution:versioned:of-one")).await;
    assert_eq!(described["stateMachineVersionArn"], json!(one));
    assert_eq!(described["stateMachineArn"], json!(machine));
    let of_two = json!({ "stateMachineArn": format!("{machine}:2") });
    client.check_aws("ListExecutions", of_two, 200, json!({ "executions": [] })).await;
    let delete = json!({ "stateMachineVersionArn": one });
    client.check_aws("DeleteStateMachineVersion", delete.clone(), 200, json!({})).await;
    client.check_aws("DeleteStateMachineVersion", delete, 200, json!({})).await;
    let gone =
        refused("StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{one}'"));
    client.check_aws("DescribeStateMachine", json!({ "stateMachineArn": one }), 400, gone).await;
}

async fn tags_are_kept(client: &Client) {
    let machine = format!("{BASE}:stateMachine:tagged");
    let create = json!({
        "name": "tagged", "definition": pass(), "roleArn": ROLE,
        "tags": [{ "key": "team", "value": "a" }],
    });
    client.aws("CreateStateMachine", create).await;
    let by_arn = json!({ "resourceArn": machine });
    let tag = json!({ "resourceArn": machine, "tags": [{ "key": "env", "value": "" }] });
    client.check_aws("TagResource", tag, 200, json!({})).await;
    let untag = json!({ "resourceArn": machine, "tagKeys": ["team", "never"] });
    client.check_aws("UntagResource", untag, 200, json!({})).await;
    let listed = json!({ "tags": [{ "key": "env", "value": "" }] });
    client.check_aws("ListTagsForResource", by_arn, 200, listed).await;
    let many: Vec<_> = (0..50).map(|n| json!({ "key": format!("k{n}"), "value": "v" })).collect();
    let too_many = json!({ "resourceArn": machine, "tags": many });
    let (status, refusal) = client.aws("TagResource", too_many).await;
    assert_eq!((status, &refusal["__type"]), (400, &json!("TooManyTags")));
    assert_eq!(refusal["resourceName"], json!(machine));
    let nobody = json!({ "resourceArn": format!("{BASE}:stateMachine:nobody") });
    let (status, refusal) = client.aws("ListTagsForResource", nobody).await;
    assert_eq!((status, &refusal["__type"]), (400, &json!("ResourceNotFound")));
}

async fn lists_come_in_pages(client: &Client) {
    let machine = format!("{BASE}:stateMachine:pages");
    client
        .aws(
            "CreateStateMachine",
            json!({ "name": "pages", "definition": pass(), "roleArn": ROLE }),
        )
        .await;
    for n in 0..5 {
        let name = format!("n{n}");
        let start = json!({ "stateMachineArn": machine, "name": name });
        client.aws("StartExecution", start).await;
        client.wait_for_end(&format!("{BASE}:execution:pages:{name}")).await;
    }
    let first = json!({ "stateMachineArn": machine, "maxResults": 3, "statusFilter": "SUCCEEDED" });
    let (_, page) = client.aws("ListExecutions", first.clone()).await;
    let names = |page: &serde_json::Value| -> Vec<String> {
        let items = page["executions"].as_array().unwrap();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&page), ["n4", "n3", "n2"]);
    let mut second = first;
    second["nextToken"] = page["nextToken"].clone();
    second["maxResults"] = json!(2);
    let (_, page) = client.aws("ListExecutions", second.clone()).await;
    assert_eq!(names(&page), ["n1", "n0"]);
    assert!(page.get("nextToken").is_none(), "the last page has no token");
    second["statusFilter"] = json!("FAILED");
    let refusal = refused("InvalidToken", "Invalid Token: 'Invalid token'");
    client.check_aws("ListExecutions", second, 400, refusal).await;
}

async fn a_deleted_machine_waits_for_its_last_execution(client: &Client) {
    let arn = format!("{BASE}:stateMachine:leaving");
    let create = json!({ "name": "leaving", "definition": wait(3600), "roleArn": ROLE });
    client.aws("CreateStateMachine", create.clone()).await;
    let start = json!({ "stateMachineArn": arn, "name": "last", "traceHeader": "Root=1-2-3" });
    client.aws("StartExecution", start.clone()).await;
    let by_arn = json!({ "stateMachineArn": arn });
    client.check_aws("DeleteStateMachine", by_arn.clone(), 200, json!({})).await;
    let (_, described) = client.aws("DescribeStateMachine", by_arn.clone()).await;
    assert_eq!(described["status"], "DELETING");
    let deleting = refused("StateMachineDeleting", &format!("State Machine Is Deleting: '{arn}'"));
    client.check_aws("StartExecution", start, 400, deleting.clone()).await;
    client.check_aws("CreateStateMachine", create.clone(), 400, deleting).await;
    let execution = format!("{BASE}:execution:leaving:last");
    client.aws("StopExecution", json!({ "executionArn": execution })).await;
    let described = client.wait_for_end(&execution).await;
    assert_eq!(described["traceHeader"], "Root=1-2-3");
    let gone =
        refused("StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{arn}'"));
    client.check_aws("DescribeStateMachine", by_arn, 400, gone).await;
    let (status, _) = client.aws("CreateStateMachine", create).await;
    assert_eq!(status, 200, "the name is free again");
}

async fn accounts_do_not_see_one_another(served: &Served) {
    let key = AccessKey {
        id: "SWKTHEIRS".to_owned(),
        account: "111122223333".to_owned(),
        scope: Scope::Admin,
        secret: "their secret".into(),
        expires_at: None,
        revoked_at: None,
    };
    let theirs = Aws::new(&served.closed(vec![key.clone()]).await);
    let create = json!({ "name": "theirs", "definition": pass(), "roleArn": ROLE });
    let created = theirs.call("CreateStateMachine", &create, Some(&Key::from(&key))).await;
    let arn = "arn:aws:states:us-east-1:111122223333:stateMachine:theirs";
    assert_eq!(created.unwrap().1["stateMachineArn"], json!(arn));
    let gone =
        refused("StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{arn}'"));
    let describe = json!({ "stateMachineArn": arn });
    served.client.check_aws("DescribeStateMachine", describe, 400, gone).await;
}

fn with(
    mut event: serde_json::Value,
    member: &str,
    details: serde_json::Value,
) -> serde_json::Value {
    event[member] = details;
    event
}
