"""Access keys through boto3: who signs right is served as his account, everybody else is refused by AWS's names."""

import datetime
import json
import os
import urllib.error
import urllib.request

import boto3
import botocore.auth
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from connect import ROLE, machine, same, scheduler, sfn

PASS = {"A": {"Type": "Pass", "End": True}}
NO_RETRIES = Config(retries={"max_attempts": 1})


def client(service, key, secret, **more):
    return boto3.client(
        service, aws_access_key_id=key, aws_secret_access_key=secret, config=NO_RETRIES, **more
    )


def error(call, **parameters):
    """The name, the status and the text with which a call is refused."""
    try:
        answer = call(**parameters)
    except ClientError as refusal:
        response = refusal.response
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        return response["Error"]["Code"], status, response["Error"]["Message"]
    raise AssertionError(f"expected a refusal, got {answer}")


def both(key, secret, **more):
    """A call of each service that changes nothing."""
    return [
        (client("stepfunctions", key, secret, **more).list_state_machines, 400),
        (client("scheduler", key, secret, **more).list_schedules, 403),
    ]


def all_refused(calls, code, text):
    for call, status in calls:
        found = error(call)
        same(found[:2], (code, status))
        assert text in found[2], found


ADMIN = ("clients-admin", "a-secret-for-everything")
MISMATCH = "The request signature we calculated does not match the signature you provided."

# Signed right: served, as the account of the key.
arn = machine(sfn(), "mine", PASS)
same(arn, "arn:aws:states:us-east-1:123456789012:stateMachine:mine")
same([found["name"] for found in sfn().list_state_machines()["stateMachines"]], ["mine"])
group = scheduler().create_schedule_group(Name="mine")["ScheduleGroupArn"]
same(group, "arn:aws:scheduler:us-east-1:123456789012:schedule-group/mine")
scheduler().tag_resource(ResourceArn=group, Tags=[{"Key": "a b/c", "Value": "é"}])
same(scheduler().list_tags_for_resource(ResourceArn=group)["Tags"][0]["Value"], "é")
same(scheduler().list_schedules(NamePrefix="a-b_c.", GroupName="mine")["Schedules"], [])

# Signed wrong, by nobody, or not at all.
all_refused(both(ADMIN[0], "another-secret"), "InvalidSignatureException", MISMATCH)
invalid = "The security token included in the request is invalid."
all_refused(both("AKIAIOSFODNN7EXAMPLE", "x"), "UnrecognizedClientException", invalid)
all_refused(both("210987654321", "test"), "UnrecognizedClientException", invalid)
all_refused(both(*ADMIN, aws_session_token="t"), "UnrecognizedClientException", invalid)
all_refused(
    both(*ADMIN, region_name="eu-west-1"), "InvalidSignatureException", "Credential should be scoped to a valid region"
)
unsigned = Config(signature_version=UNSIGNED, retries={"max_attempts": 1})
all_refused(
    [
        (boto3.client("stepfunctions", config=unsigned).list_state_machines, 400),
        (boto3.client("scheduler", config=unsigned).list_schedules, 403),
    ],
    "MissingAuthenticationTokenException",
    "Missing Authentication Token",
)

# A clock that is wrong by more than five minutes.
now = botocore.auth.get_current_datetime
for minutes, text in [(-6, "Signature expired: "), (6, "Signature not yet current: ")]:
    botocore.auth.get_current_datetime = lambda *args, **more: now(*args, **more) + datetime.timedelta(minutes=minutes)
    all_refused(both(*ADMIN), "InvalidSignatureException", text)
botocore.auth.get_current_datetime = now


# Changed on the way.
def changing(service, change):
    changed = client(service, *ADMIN)
    changed.meta.events.register("before-send", lambda request, **_: change(request))
    return changed


def other_body(request):
    request.body = b'{"maxResults": 1}'
    request.headers["Content-Length"] = str(len(request.body))


def other_operation(request):
    request.headers["X-Amz-Target"] = "AWSStepFunctions.ListActivities"


def other_query(request):
    request.url += "?MaxResults=1"


for service, change, status in [
    ("stepfunctions", other_body, 400),
    ("stepfunctions", other_operation, 400),
    ("scheduler", other_query, 403),
]:
    changed = changing(service, change)
    call = changed.list_state_machines if service == "stepfunctions" else changed.list_schedules
    all_refused([(call, status)], "InvalidSignatureException", MISMATCH)

# A key to look does not change anything, and says what it lacks.
reader = ("clients-read", "a-secret-to-look")
same(len(client("stepfunctions", *reader).list_state_machines()["stateMachines"]), 1)
refusal = error(
    client("stepfunctions", *reader).create_state_machine,
    name="more", definition=json.dumps({"StartAt": "A", "States": PASS}), roleArn=ROLE,
)
same(refusal[:2], ("AccessDeniedException", 400))
assert "is not authorized to perform: states:CreateStateMachine on resource: " in refusal[2], refusal
refusal = error(client("scheduler", *reader).create_schedule_group, Name="more")
same(refusal[:2], ("AccessDeniedException", 403))

# Another account sees none of it.
other = ("clients-other", "a-secret-of-others")
theirs = client("stepfunctions", *other)
same(theirs.list_state_machines()["stateMachines"], [])
same(error(theirs.describe_state_machine, stateMachineArn=arn)[0], "StateMachineDoesNotExist")
same(error(theirs.start_execution, stateMachineArn=arn)[0], "StateMachineDoesNotExist")
groups = client("scheduler", *other).list_schedule_groups()["ScheduleGroups"]
assert "mine" not in [found["Name"] for found in groups], groups
same(error(client("scheduler", *other).get_schedule_group, Name="mine")[0], "ResourceNotFoundException")

# A presigned URL is as good as its signer, and cannot be changed.
url = scheduler().generate_presigned_url("list_schedules", Params={"GroupName": "mine"}, ExpiresIn=60)
with urllib.request.urlopen(url, timeout=60) as response:
    same(json.loads(response.read()), {"Schedules": []})
try:
    urllib.request.urlopen(url.replace("ScheduleGroup=mine", "ScheduleGroup=default"), timeout=60)
    raise AssertionError("a changed URL was served")
except urllib.error.HTTPError as refusal:
    same((refusal.code, refusal.headers["x-amzn-errortype"]), (403, "InvalidSignatureException"))

# The same key over REST.
request = urllib.request.Request(
    os.environ["STATEWRIGHT_URL"] + "/v1/state-machines/mine",
    headers={"authorization": "Bearer " + ".".join(reader)},
)
with urllib.request.urlopen(request, timeout=60) as response:
    same(json.loads(response.read())["arn"], arn)
