//! For each kind of advice a definition that asks for it, and one like it that does not.

use crate::tests::{machine_of, unindented};
use crate::{Code, MachineKind};

#[track_caller]
fn check(definition: &str, expected: &str) {
    let found = crate::review(definition, MachineKind::Standard);
    assert!(found.iter().all(|it| it.severity != crate::Severity::Error), "{found:?}");
    let advice: Vec<_> = found.iter().filter(|it| Code::ADVICE.contains(&it.code)).collect();
    let shown: Vec<String> = advice.iter().map(|it| it.to_string() + "\n").collect();
    assert_eq!(shown.concat(), unindented(expected));
}

/// The same for a machine of one state `S` beside others.
#[track_caller]
fn check_state(fields: &str, expected: &str) {
    check(&machine_of(fields), expected);
}

/// A task that nothing else is said of.
const TASK: &str = r#""Type": "Task", "End": true, "Resource": "http://127.0.0.1:9000/f""#;

#[test]
fn states_that_only_lead_to_one_another_are_not_reached() {
    let with = |next: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{
                "A": {{"Type": "Wait", "Seconds": 1, "Next": "{next}"}},
                "B": {{"Type": "Wait", "Seconds": 1, "Next": "C"}},
                "C": {{"Type": "Choice", "Choices": [{{"Variable": "$.done", "IsPresent": true, "Next": "B"}}],
                      "Default": "D"}},
                "D": {{"Type": "Succeed"}}}}}}"#
        )
    };
    check(
        &with("D"),
        "UNREACHED_STATE: No way leads from `StartAt` to the state \"B\": only states lead to it that are not reached themselves at /States/B
         UNREACHED_STATE: No way leads from `StartAt` to the state \"C\": only states lead to it that are not reached themselves at /States/C",
    );
    check(&with("B"), "");
}

#[test]
fn a_catcher_is_of_no_use_for_what_cannot_happen_or_is_caught_before() {
    let with =
        |errors: &str| format!(r#"{TASK}, "Catch": [{{"ErrorEquals": {errors}, "Next": "F"}}]"#);
    let never = |why: &str| {
        format!(
            "CATCHER_NEVER_CATCHES: This catcher never catches: {why} at /States/S/Catch[0]/ErrorEquals"
        )
    };
    for (errors, why) in [
        (r#"["States.Runtime"]"#, "nothing catches `States.Runtime`"),
        (
            r#"["States.taskfailed"]"#,
            "`States.taskfailed` is not the name of an error, `States.TaskFailed` is",
        ),
        (r#"["States.Gone"]"#, "`States.Gone` is not the name of an error"),
        (r#"["States.HeartbeatTimeout"]"#, "`States.HeartbeatTimeout` needs `HeartbeatSeconds`"),
        (
            r#"["States.QueryEvaluationError"]"#,
            "`States.QueryEvaluationError` is an error of JSONata",
        ),
        (r#"["States.BranchFailed"]"#, "`States.BranchFailed` is an error of Parallel states"),
        (r#"["States.ItemReaderFailed"]"#, "`States.ItemReaderFailed` is an error of Map states"),
        (r#"["States.NoChoiceMatched"]"#, "`States.NoChoiceMatched` is an error of Choice states"),
    ] {
        check_state(&with(errors), &never(why));
    }
    for errors in
        [r#"["States.Runtime", "Mine"]"#, r#"["States.ALL"]"#, r#"["States.Http.StatusCode.404"]"#]
    {
        check_state(&with(errors), "");
    }
    check_state(
        &format!(
            r#"{TASK}, "Catch": [{{"ErrorEquals": ["States.TaskFailed"], "Next": "F"}},
                {{"ErrorEquals": ["Mine", "Yours"], "Next": "T"}}, {{"ErrorEquals": ["States.ALL"], "Next": "F"}}]"#
        ),
        "CATCHER_NEVER_CATCHES: This catcher never catches: `Mine` is caught before; `Yours` is caught before at /States/S/Catch[1]/ErrorEquals",
    );
}

#[test]
fn an_error_of_a_branch_may_have_any_name_that_there_is() {
    for name in [
        "States.BranchFailed",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.IntrinsicFailure",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.ResultPathMatchFailure",
        "States.ResultWriterFailed",
    ] {
        check_state(
            &format!(
                r#""Type": "Parallel", "End": true, "Catch": [{{"ErrorEquals": ["{name}"], "Next": "F"}}],
                   "Branches": [{{"StartAt": "A", "States": {{"A": {{"Type": "Succeed"}}}}}}]"#
            ),
            "",
        );
    }
}

#[test]
fn a_loop_waits_or_changes_something() {
    let job = r#""Parameters": {"Job.$": "$.job"},"#;
    let poll = |parameters: &str| {
        format!(
            r#"{{"StartAt": "Ask", "States": {{
                "Ask": {{"Type": "Task", "Resource": "http://127.0.0.1:9000/f", {parameters}
                        "ResultPath": "$.status", "Next": "Done?"}},
                "Done?": {{"Type": "Choice", "Default": "Ask", "Choices":
                    [{{"Variable": "$.status", "StringEquals": "DONE", "Next": "T"}}]}},
                "T": {{"Type": "Succeed"}}}}}}"#
        )
    };
    check(
        &poll(job),
        "LOOP_WITHOUT_WAIT: The task \"Ask\" is called again and again with the same parameters, and nothing in this loop waits: put a Wait state into it at /States/Ask",
    );
    let pause = r#""Default": "Pause""#;
    let paused = r#""Pause": {"Type": "Wait", "Seconds": 5, "Next": "Ask"}, "T":"#;
    check(&poll(job).replace(r#""Default": "Ask""#, pause).replace(r#""T":"#, paused), "");
    let receive = |more: &str| {
        let queue = format!(r#""Parameters": {{"QueueUrl": "q"{more}}},"#);
        poll(&queue)
            .replace("http://127.0.0.1:9000/f", "arn:aws:states:::aws-sdk:sqs:receiveMessage")
    };
    let waits = |more: &str| check(&receive(more), "");
    let spins = |more: &str| {
        check(
            &receive(more),
            "LOOP_WITHOUT_WAIT: The task \"Ask\" is called again and again with the same parameters, and nothing in this loop waits: put a Wait state into it at /States/Ask",
        );
    };
    // The call itself waits for messages.
    waits(r#", "WaitTimeSeconds": 20"#);
    waits(r#", "WaitTimeSeconds.$": "$.wait""#);
    spins(r#", "WaitTimeSeconds": 0"#);
    spins("");
    // The next page is another call.
    check(&poll(r#""Parameters": {"Page.$": "$.status.next"},"#), "");
    check(&poll(""), "");
    let spin = |fields: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{
                "A": {{"Type": "Pass", {fields} "Next": "B"}},
                "B": {{"Type": "Choice", "Default": "A", "Choices":
                    [{{"Variable": "$.n", "NumericEquals": 3, "Next": "T"}}]}},
                "T": {{"Type": "Succeed"}}}}}}"#
        )
    };
    check(
        &spin(""),
        "LOOP_WITHOUT_WAIT: This loop neither waits nor changes anything: it never ends at /States/A",
    );
    check(&spin(r#""Parameters": {"n.$": "States.MathAdd($.n, 1)"},"#), "");
}

#[test]
fn a_path_names_what_may_flow_in() {
    let after = |first: &str, second: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{"A": {{{first}, "Next": "B"}}, "B": {{{second}, "End": true}}}}}}"#
        )
    };
    let never = |path: &str, place: &str| {
        format!(
            "PATH_NEVER_EXISTS: Nothing that flows in here has what `{path}` names at /States/B/{place}"
        )
    };
    let result = r#""Type": "Pass", "Result": {"a": {"b": 1}, "l": [1]}"#;
    for (path, found) in
        [("$.a.b", true), ("$.l[0].x", true), ("$.a.c", false), ("$.a.b.c", false), ("$.x", false)]
    {
        let expected = if found { String::new() } else { never(path, "Parameters") };
        let use_it = format!(r#""Type": "Pass", "Parameters": {{"v.$": "{path}"}}"#);
        check(&after(result, &use_it), &expected);
    }
    check(
        &after(result, r#""Type": "Pass", "InputPath": "$.gone""#),
        &never("$.gone", "InputPath"),
    );
    check(&after(r#""Type": "Pass""#, r#""Type": "Pass", "InputPath": "$.any""#), "");
    let into = r#""Type": "Pass", "Result": 1, "ResultPath": "$.n""#;
    check(&after(into, r#""Type": "Pass", "InputPath": "$.other""#), "");
    let invoke = r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "Retry": [{"ErrorEquals": ["States.ALL"]}]"#;
    check(
        &after(invoke, r#""Type": "Pass", "InputPath": "$.order""#),
        &never("$.order", "InputPath"),
    );
    check(&after(invoke, r#""Type": "Pass", "InputPath": "$.Payload.order""#), "");
}

#[test]
fn thousands_of_catchers_are_joined_once() {
    let catchers: Vec<String> = (0..10_000)
        .map(|it| format!(r#"{{"ErrorEquals": ["E{it}"], "ResultPath": "$.e{it}", "Next": "B"}}"#))
        .collect();
    let definition = format!(
        r#"{{"StartAt": "A", "States": {{
            "A": {{{TASK}, "Catch": [{}]}}, "B": {{"Type": "Pass", "InputPath": "$.e1.Error", "End": true}}}}}}"#,
        catchers.join(",")
    );
    check(&definition, "");
}

#[test]
fn a_catcher_hands_on_the_error() {
    let task = |result_path: &str, reads: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{
                "A": {{"Type": "Task", "Resource": "http://127.0.0.1:9000/f", "End": true,
                      "Catch": [{{"ErrorEquals": ["States.ALL"], {result_path} "Next": "B"}}]}},
                "B": {{"Type": "Pass", "InputPath": "{reads}", "End": true}}}}}}"#
        )
    };
    check(&task("", "$.Error"), "");
    check(
        &task("", "$.order"),
        "PATH_NEVER_EXISTS: Nothing that flows in here has what `$.order` names at /States/B/InputPath",
    );
    check(&task(r#""ResultPath": "$.error","#, "$.order"), "");
}

#[test]
fn the_context_object_has_its_members_and_a_token_where_one_is_waited_for() {
    let with = |resource: &str, path: &str| {
        format!(
            r#""Type": "Task", "End": true, "TimeoutSeconds": 5, "Resource": "http://127.0.0.1:9000/f{resource}",
               "Parameters": {{"v.$": "{path}"}}"#
        )
    };
    check_state(&with(".waitForTaskToken", "$$.Task.Token"), "");
    check_state(&with("", "$$.Execution.Input.anything"), "");
    for path in ["$$.Task.Token", "$$.Execution.Arn", "$$.State.Name.x"] {
        check_state(
            &with("", path),
            &format!(
                "PATH_NEVER_EXISTS: Nothing that flows in here has what `{path}` names at /States/S/Parameters"
            ),
        );
    }
}

#[test]
fn a_variable_is_assigned_somewhere() {
    let with = |name: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{
                "A": {{"Type": "Pass", "Assign": {{"known": 1}}, "Next": "B"}},
                "B": {{"Type": "Pass", "Parameters": {{"v.$": "${name}"}}, "End": true}}}}}}"#
        )
    };
    check(&with("known"), "");
    check(&with("other"), "PATH_NEVER_EXISTS: No state assigns the variable `other` at /States/B");
}

#[test]
fn a_payload_keeps_to_the_quota() {
    let with = |letters: usize| {
        format!(r#""Type": "Pass", "End": true, "Result": "{}""#, "x".repeat(letters))
    };
    check_state(&with(262_142), "");
    check_state(
        &with(262_143),
        "PAYLOAD_TOO_LARGE: The value has 262145 bytes at least: AWS fails what is larger than 262144 at /States/S/Result",
    );
}

#[test]
fn a_task_does_not_wait_for_ever() {
    let with = |resource: &str, more: &str| {
        format!(r#""Type": "Task", "End": true, "Resource": "{resource}"{more}"#)
    };
    let activity = "arn:aws:states:us-east-1:123456789012:activity:a";
    let token = "http://127.0.0.1:9000/f.waitForTaskToken";
    let forever = |whom: &str| {
        format!(
            "TASK_WITHOUT_TIMEOUT: This task waits for {whom}, for ever if need be: give it `TimeoutSeconds` or `HeartbeatSeconds` at /States/S"
        )
    };
    check_state(&with(activity, ""), &forever("an activity worker"));
    check_state(&with(token, ""), &forever("whoever has its token"));
    check_state(&with(token, r#", "HeartbeatSeconds": 60"#), "");
    check_state(&with(activity, r#", "TimeoutSeconds": 60"#), "");
    check(&machine_of(&with(activity, "")).replacen('{', r#"{"TimeoutSeconds": 60, "#, 1), "");
}

#[test]
fn a_filter_of_items_keeps_its_array() {
    let with = |items: &str| {
        format!(
            r#""Type": "Map", "End": true, "QueryLanguage": "JSONata", "Items": "{{% {items} %}}",
               "ItemProcessor": {{"StartAt": "A", "States": {{"A": {{"Type": "Succeed"}}}}}}"#
        )
    };
    for items in
        ["$states.input.l[price > 1]", "$filter($states.input.l, function($i) { $i.price > 1 })"]
    {
        check_state(
            &with(items),
            &format!(
                "SINGLETON_COLLAPSE: Where only one item matches, this is the item and no array, and the Map fails; put it in brackets: `[{items}]` at /States/S/Items"
            ),
        );
    }
    for items in [
        "[$states.input.l[price > 1]]",
        "$states.input.l[price > 1][]",
        "$states.input.l",
        "$states.input.l[0]",
    ] {
        check_state(&with(items), "");
    }
}

#[test]
fn a_lambda_task_is_tried_again() {
    let with = |errors: &str| {
        format!(
            r#""Type": "Task", "End": true, "Resource": "arn:aws:states:::lambda:invoke",
               "Parameters": {{"FunctionName": "f"}}, "Retry": [{{"ErrorEquals": [{errors}]}}]"#
        )
    };
    check_state(&with(r#""States.TaskFailed""#), "");
    check_state(
        &with(
            r#""Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException""#,
        ),
        "",
    );
    check_state(
        &with(r#""Lambda.ServiceException", "Lambda.SdkClientException""#),
        "LAMBDA_WITHOUT_RETRY: Lambda fails now and then by itself, and AWS recommends to try again: no retrier takes Lambda.AWSLambdaException, Lambda.TooManyRequestsException at /States/S",
    );
}

#[test]
fn a_parameter_has_the_name_that_the_api_has() {
    let with = |parameters: &str| {
        format!(
            r#""Type": "Task", "End": true, "Resource": "arn:aws:states:::aws-sdk:s3:putObject", "Parameters": {parameters}"#
        )
    };
    check_state(&with(r#"{"Bucket": "b", "Key.$": "$.key", "Acl": "private", "Body": {}}"#), "");
    check_state(
        &with(r#"{"Bucket": "b", "Key.$": "$.key", "ACL": "private"}"#),
        "UNKNOWN_PARAMETER: the API S3 PutObject has no parameter `ACL`; did you mean `Acl`? at /States/S/Parameters/ACL",
    );
    check_state(
        &with(r#"{"Bucket": "b", "Key": "k", "Bodies.$": "$.bodies"}"#),
        "UNKNOWN_PARAMETER: the API S3 PutObject has no parameter `Bodies` at /States/S/Parameters/Bodies.$",
    );
}

#[test]
fn advice_is_given_of_what_is_sound_only() {
    let text = machine_of(r#""Type": "Pass", "Next": "Gone", "InputPath": "$$.Nothing""#);
    let found = crate::review(&text, MachineKind::Standard);
    assert!(
        !found.is_empty() && !found.iter().any(|it| Code::ADVICE.contains(&it.code)),
        "{found:?}"
    );
}
