"""A state machine's life through boto3: create, describe, update, list, tag, validate, delete."""

import datetime
import json

from connect import ROLE, machine, refused, run, same, sfn

client = sfn()
wrong = client.exceptions
PASS = {"A": {"Type": "Pass", "End": True}}
DEFINITION = json.dumps({"StartAt": "A", "States": PASS})

# Created once; the same again is the same machine, another under the same name is refused.
first = client.create_state_machine(name="first", definition=DEFINITION, roleArn=ROLE)
arn = first["stateMachineArn"]
same(arn, "arn:aws:states:us-east-1:123456789012:stateMachine:first")
assert isinstance(first["creationDate"], datetime.datetime)
again = client.create_state_machine(name="first", definition=DEFINITION, roleArn=ROLE)
same((again["stateMachineArn"], again["creationDate"]), (arn, first["creationDate"]))
other = json.dumps({"StartAt": "B", "States": {"B": {"Type": "Succeed"}}})
message = refused(
    wrong.StateMachineAlreadyExists,
    client.create_state_machine, name="first", definition=other, roleArn=ROLE,
)
same(message, f"State Machine Already Exists: '{arn}'")

# What is wrong is said by AWS's own exceptions.
message = refused(
    wrong.InvalidName, client.create_state_machine, name="a b", definition=DEFINITION, roleArn=ROLE
)
same(message, "Invalid Name: 'a b'")
nowhere = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}})
message = refused(
    wrong.InvalidDefinition,
    client.create_state_machine, name="broken", definition=nowhere, roleArn=ROLE,
)
assert message.startswith("Invalid State Machine Definition: "), message
assert "MISSING_TRANSITION_TARGET" in message, message
unknown = arn.replace("first", "unknown")
message = refused(wrong.StateMachineDoesNotExist, client.describe_state_machine, stateMachineArn=unknown)
same(message, f"State Machine Does Not Exist: '{unknown}'")
refused(wrong.InvalidArn, client.describe_state_machine, stateMachineArn="no arn at all")

# Described as created.
described = client.describe_state_machine(stateMachineArn=arn)
same(described["name"], "first")
same(described["status"], "ACTIVE")
same(described["type"], "STANDARD")
same(described["roleArn"], ROLE)
same(described["definition"], DEFINITION)
same(described["creationDate"], first["creationDate"])
same(described["loggingConfiguration"], {"level": "OFF", "includeExecutionData": False})

# Updated; a running or ended execution keeps the definition it started with.
before = run(client, arn)
changed = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 7, "End": True}}})
client.update_state_machine(stateMachineArn=arn, definition=changed)
same(client.describe_state_machine(stateMachineArn=arn)["definition"], changed)
pinned = client.describe_state_machine_for_execution(executionArn=before["executionArn"])
same(pinned["definition"], DEFINITION)
same(pinned["stateMachineArn"], arn)
same(json.loads(before["output"]), {})
same(json.loads(run(client, arn)["output"]), 7)
refused(wrong.MissingRequiredParameter, client.update_state_machine, stateMachineArn=arn)

# Listed, page by page.
names = [f"machine-{number:02}" for number in range(7)]
for name in names:
    machine(client, name, PASS)
pages = list(
    client.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 3})
)
same([len(page["stateMachines"]) for page in pages], [3, 3, 2])
listed = [item["name"] for page in pages for item in page["stateMachines"]]
same(sorted(listed), sorted(["first", *names]))
message = refused(wrong.InvalidToken, client.list_state_machines, nextToken="not a token")
assert message.startswith("Invalid Token: "), message

# Tagged.
tags = lambda: client.list_tags_for_resource(resourceArn=arn)["tags"]
same(tags(), [])
client.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "red"}, {"key": "tier", "value": "1"}])
client.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "blue"}])
same(sorted((tag["key"], tag["value"]) for tag in tags()), [("team", "blue"), ("tier", "1")])
client.untag_resource(resourceArn=arn, tagKeys=["team", "absent"])
same(tags(), [{"key": "tier", "value": "1"}])
refused(wrong.ResourceNotFound, client.list_tags_for_resource, resourceArn=unknown)

# Validated without being created.
good = client.validate_state_machine_definition(definition=DEFINITION)
same((good["result"], good["diagnostics"]), ("OK", []))
bad = client.validate_state_machine_definition(definition=nowhere)
same(bad["result"], "FAIL")
diagnostic = bad["diagnostics"][0]
same((diagnostic["severity"], diagnostic["code"]), ("ERROR", "MISSING_TRANSITION_TARGET"))
same(diagnostic["location"], "/States/A/Next")

# Deleted; deleting what is not there succeeds.
client.delete_state_machine(stateMachineArn=arn)
client.delete_state_machine(stateMachineArn=unknown)
refused(wrong.StateMachineDoesNotExist, client.start_execution, stateMachineArn=unknown, input="{}")
