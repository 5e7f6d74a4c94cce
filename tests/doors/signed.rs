//! AWS's doors: Signature V4 and its refusals, for Step Functions and for Scheduler.

use chrono::TimeDelta;
use serde_json::{Value, json};
use store::Scope;
use tests::signing::{self, Key};

use super::{House, OURS, THEIRS, machine, schedule, send};

const MISMATCH: &str = "The request signature we calculated does not match the signature you \
                        provided. Check your AWS Secret Access Key and signing method. Consult \
                        the service documentation for details.";

/// Keys of the house: of everything, of another account, to look, and to have things done.
struct Keys {
    ours: Key,
    theirs: Key,
    reader: Key,
    runner: Key,
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_doors_serve_who_signs_right_and_refuse_everybody_else() {
    let (house, [ours, theirs, reader, runner]) = House::closed([
        (OURS, Scope::Admin),
        (THEIRS, Scope::Admin),
        (OURS, Scope::Read),
        (OURS, Scope::Run),
    ])
    .await;
    let keys = Keys { ours, theirs, reader, runner };
    who_signs_right_is_served_as_his_account(&house, &keys).await;
    nobody_sees_another_account(&house, &keys).await;
    who_does_not_sign_right_is_refused_as_on_aws(&house, &keys).await;
    what_was_signed_cannot_be_changed_on_the_way(&house, &keys).await;
    a_signature_for_one_handler_does_not_open_another(&house, &keys).await;
    a_key_does_what_its_scope_allows(&house, &keys).await;
    a_presigned_request_is_served_until_it_expires(&house, &keys).await;
}

async fn who_signs_right_is_served_as_his_account(house: &House, keys: &Keys) {
    let Keys { ours, theirs, .. } = keys;
    for (key, account) in [(ours, OURS), (theirs, THEIRS)] {
        let created = house.signed("CreateStateMachine", &machine("m"), key).await;
        let arn = format!("arn:aws:states:us-east-1:{account}:stateMachine:m");
        assert_eq!(created.body["stateMachineArn"], json!(arn), "{created:?}");
        let group = house.scheduler("POST", "/schedule-groups/g", &json!({}), key).await;
        let arn = format!("arn:aws:scheduler:us-east-1:{account}:schedule-group/g");
        assert_eq!(group.body["ScheduleGroupArn"], json!(arn), "{group:?}");
        // An ARN in a path is encoded twice in what is signed.
        let tags = format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"));
        house.scheduler("GET", &tags, &Value::Null, key).await.assert_ok();
    }
}

async fn nobody_sees_another_account(house: &House, keys: &Keys) {
    let Keys { ours, theirs, .. } = keys;
    house.signed("CreateStateMachine", &machine("hidden"), ours).await.assert_ok();
    house.scheduler("POST", "/schedules/hidden", &schedule(), ours).await.assert_ok();
    let arn = format!("arn:aws:states:us-east-1:{OURS}:stateMachine:hidden");
    let by_arn = json!({ "stateMachineArn": arn });
    let none = "StateMachineDoesNotExist";
    house.signed("DescribeStateMachine", &by_arn, theirs).await.assert_refused(400, none);
    house.signed("StartExecution", &by_arn, theirs).await.assert_refused(400, none);
    let delete = house.signed("DeleteStateMachine", &by_arn, theirs).await;
    assert!(delete.status == 200 || delete.error() == none, "{delete:?}");
    house.signed("DescribeStateMachine", &by_arn, ours).await.assert_ok();
    for (key, is_there) in [(theirs, false), (ours, true)] {
        let listed = house.signed("ListStateMachines", &json!({}), key).await;
        assert_eq!(listed.body.to_string().contains("hidden"), is_there, "{listed:?}");
        let listed = house.scheduler("GET", "/schedules", &Value::Null, key).await;
        assert_eq!(listed.body.to_string().contains("hidden"), is_there, "{listed:?}");
    }
    let found = house.scheduler("GET", "/schedules/hidden", &Value::Null, theirs).await;
    found.assert_refused(404, "ResourceNotFoundException");
    // The same over REST, with the very same keys.
    let found = house.rest("GET", "/v1/state-machines/hidden", &Value::Null, theirs).await;
    found.assert_refused(404, none);
    let path = format!("/v1/executions?state_machine={arn}");
    house.rest("GET", &path, &Value::Null, theirs).await.assert_refused(404, none);
}

/// Sends a call of each service, as `change` leaves it.
async fn both(
    house: &House,
    change: impl Fn(&mut reqwest::Request, &'static str),
) -> [super::Answer; 2] {
    let mut listing = house.step_functions("ListStateMachines", &json!({}));
    change(&mut listing, "states");
    let mut schedules = house.request("GET", "/schedules", &Value::Null);
    change(&mut schedules, "scheduler");
    [send(listing).await, send(schedules).await]
}

fn check(answers: &[super::Answer; 2], error: &str, message: &str) {
    for (answer, status) in answers.iter().zip([400, 403]) {
        answer.assert_refused(status, error);
        match message.strip_suffix('…') {
            Some(start) => assert!(answer.message().starts_with(start), "{answer:?}"),
            None => assert_eq!(answer.message(), message),
        }
    }
}

async fn who_does_not_sign_right_is_refused_as_on_aws(house: &House, keys: &Keys) {
    let key = &keys.ours;
    let sign = |request: &mut _, key: &Key, service, minutes| {
        let at = signing::now() + TimeDelta::minutes(minutes);
        signing::sign(request, key, service, at);
    };

    let missing = "MissingAuthenticationTokenException";
    check(&both(house, |_, _| {}).await, missing, "Missing Authentication Token");
    let bearer = key.bearer();
    let answers = both(house, |request, _| {
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
    });
    check(&answers.await, missing, "Missing Authentication Token");

    let unknown = "The security token included in the request is invalid.";
    let stranger = Key::new("SWKAAAAAAAAAAAAAAAAA", &key.secret);
    let answers = both(house, |request, service| sign(request, &stranger, service, 0));
    check(&answers.await, "UnrecognizedClientException", unknown);
    // Twelve digits are nobody's key.
    let digits = Key::new(THEIRS, "test");
    let answers = both(house, |request, service| sign(request, &digits, service, 0));
    check(&answers.await, "UnrecognizedClientException", unknown);
    let answers = both(house, |request, service| {
        request.headers_mut().insert("x-amz-security-token", "temporary".parse().unwrap());
        sign(request, key, service, 0);
    });
    check(&answers.await, "UnrecognizedClientException", unknown);

    let invalid = "InvalidSignatureException";
    let wrong = Key::new(&key.id, "another secret of somebody");
    let answers = both(house, |request, service| sign(request, &wrong, service, 0));
    check(&answers.await, invalid, MISMATCH);
    let answers = both(house, |request, service| sign(request, key, service, -6));
    check(&answers.await, invalid, "Signature expired: …");
    let answers = both(house, |request, service| sign(request, key, service, 6));
    check(&answers.await, invalid, "Signature not yet current: …");
    for minutes in [-4, 4] {
        for answer in both(house, |it, service| sign(it, key, service, minutes)).await {
            answer.assert_ok();
        }
    }
    let answers = both(house, |request, _| sign(request, key, "lambda", 0));
    check(&answers.await, invalid, "Credential should be scoped to correct service: …");
    let answers = both(house, |request, _| {
        request.headers_mut().insert("authorization", "AWS4-HMAC-SHA256 a=b".parse().unwrap());
    });
    let requires = "Authorization header requires 'Credential' parameter. …";
    check(&answers.await, "IncompleteSignatureException", requires);
}

async fn what_was_signed_cannot_be_changed_on_the_way(house: &House, keys: &Keys) {
    let key = &keys.ours;
    let signed = |service, mut request: reqwest::Request| {
        signing::sign(&mut request, key, service, signing::now());
        request
    };
    let listing = || signed("states", house.step_functions("ListStateMachines", &json!({})));
    send(listing()).await.assert_ok();

    let mut body = listing();
    *body.body_mut() = Some(r#"{"maxResults":1}"#.into());
    let mut operation = listing();
    let target = "AWSStepFunctions.ListActivities".parse().unwrap();
    operation.headers_mut().insert("x-amz-target", target);
    let mut kind = listing();
    kind.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let mut query = listing();
    query.url_mut().set_query(Some("a=b"));
    let mut path = listing();
    path.url_mut().set_path("/elsewhere");
    let mut host = listing();
    host.headers_mut().insert("host", "sync-localhost".parse().unwrap());
    for request in [body, operation, kind, query, path, host] {
        let answer = send(request).await;
        answer.assert_refused(400, "InvalidSignatureException");
        assert_eq!(answer.message(), MISMATCH);
    }

    let creating = signed("scheduler", house.request("POST", "/schedules/signed", &schedule()));
    let mut renamed = creating.try_clone().unwrap();
    renamed.url_mut().set_path("/schedules/t");
    let mut deleting = creating.try_clone().unwrap();
    *deleting.method_mut() = reqwest::Method::PUT;
    for request in [renamed, deleting] {
        let answer = send(request).await;
        answer.assert_refused(403, "InvalidSignatureException");
        assert_eq!(answer.message(), MISMATCH);
    }
    send(creating).await.assert_ok();
}

async fn a_signature_for_one_handler_does_not_open_another(house: &House, keys: &Keys) {
    let reader = &keys.reader;
    // The target says that it is a call of AWS, the path leads to REST.
    let mut request = house.request("PUT", "/v1/state-machines/m", &json!({ "definition": {} }));
    let target = "AWSStepFunctions.ListStateMachines".parse().unwrap();
    request.headers_mut().insert("x-amz-target", target);
    signing::sign(&mut request, reader, "states", signing::now());
    let answer = send(request).await;
    assert_eq!(answer.error(), "MissingAuthenticationTokenException", "{answer:?}");
    // A path of Scheduler's with a target of Step Functions is Scheduler's.
    let mut request = house.request("POST", "/schedule-groups/g", &json!({}));
    let target = "AWSStepFunctions.ListStateMachines".parse().unwrap();
    request.headers_mut().insert("x-amz-target", target);
    signing::sign(&mut request, reader, "scheduler", signing::now());
    let answer = send(request).await;
    assert_eq!(answer.error(), "AccessDeniedException", "{answer:?}");
}

async fn a_key_does_what_its_scope_allows(house: &House, keys: &Keys) {
    let Keys { ours: admin, reader, runner, .. } = keys;
    let denied = "AccessDeniedException";
    for key in [reader, runner] {
        let answer = house.signed("CreateStateMachine", &machine("m"), key).await;
        answer.assert_refused(400, denied);
        let told = format!(
            "User: arn:aws:iam::{OURS}:user/{} is not authorized to perform: \
             states:CreateStateMachine on resource: ",
            key.id
        );
        assert!(answer.message().starts_with(&told), "{answer:?}");
        let answer = house.scheduler("POST", "/schedules/s", &schedule(), key).await;
        answer.assert_refused(403, denied);
        house.signed("ListStateMachines", &json!({}), key).await.assert_ok();
        house.scheduler("GET", "/schedules", &Value::Null, key).await.assert_ok();
    }
    house.signed("CreateStateMachine", &machine("m"), admin).await.assert_ok();
    house.scheduler("POST", "/schedules/s", &schedule(), admin).await.assert_ok();
    let arn = format!("arn:aws:states:us-east-1:{OURS}:stateMachine:m");
    let start = json!({ "stateMachineArn": arn });
    let answer = house.signed("StartExecution", &start, reader).await;
    answer.assert_refused(400, denied);
    assert!(answer.message().contains(&format!("on resource: {arn} because")), "{answer:?}");
    house.signed("StartExecution", &start, runner).await.assert_ok();
    house.signed("StartExecution", &start, admin).await.assert_ok();
    let deleted = house.scheduler("DELETE", "/schedules/s", &Value::Null, runner).await;
    deleted.assert_refused(403, denied);
    // What is not served is told as that, not as a lack of rights.
    let answer = house.signed("RedriveExecution", &json!({}), reader).await;
    answer.assert_refused(400, "UnknownOperationException");
}

async fn a_presigned_request_is_served_until_it_expires(house: &House, keys: &Keys) {
    let key = &keys.ours;
    let presigned = |minutes, seconds, id: &Key| {
        let at = signing::now() - TimeDelta::minutes(minutes);
        let mut listing = house.step_functions("ListStateMachines", &json!({}));
        signing::presign(&mut listing, id, "states", at, seconds);
        let mut schedules = house.request("GET", "/schedules?MaxResults=5", &Value::Null);
        signing::presign(&mut schedules, id, "scheduler", at, seconds);
        [listing, schedules]
    };
    for request in presigned(0, 60, key).into_iter().chain(presigned(60, 7_200, key)) {
        send(request).await.assert_ok();
    }
    for (minutes, seconds, told) in [(3, 120, "Signature expired: "), (0, 604_801, "X-Amz-Expires")]
    {
        for (request, status) in presigned(minutes, seconds, key).into_iter().zip([400, 403]) {
            let answer = send(request).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(answer.message().starts_with(told), "{answer:?}");
        }
    }
    let [mut listing, mut schedules] = presigned(0, 60, key);
    *listing.body_mut() = Some(r#"{"maxResults":1}"#.into());
    let query = schedules.url().query().unwrap().replace("MaxResults=5", "MaxResults=6");
    schedules.url_mut().set_query(Some(&query));
    for request in [listing, schedules] {
        assert_eq!(send(request).await.message(), MISMATCH);
    }
}
