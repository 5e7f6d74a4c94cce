"""An execution's life through boto3: start, describe, history, list, stop, and what is refused."""

import datetime
import json
import uuid

import boto3
from botocore.config import Config

from connect import ended, history, machine, refused, run, same, sfn

client = sfn()
wrong = client.exceptions
chain = {f"S{number}": {"Type": "Pass", "Next": f"S{number + 1}"} for number in range(9)}
chain["S9"] = {"Type": "Pass", "End": True}
passes = machine(client, "passes", chain)
waits = machine(client, "waits", {"W": {"Type": "Wait", "Seconds": 3600, "End": True}})
fails = machine(client, "fails", {"F": {"Type": "Fail", "Error": "Boom", "Cause": "as told"}})

# Started by name, described, succeeded.
started = client.start_execution(stateMachineArn=passes, name="one", input='{"n": 1}')
arn = started["executionArn"]
same(arn, passes.replace(":stateMachine:", ":execution:") + ":one")
assert isinstance(started["startDate"], datetime.datetime)
described = ended(client, arn)
same(described["status"], "SUCCEEDED")
same((described["name"], described["stateMachineArn"]), ("one", passes))
same((described["input"], json.loads(described["output"])), ('{"n": 1}', {"n": 1}))
same((described["inputDetails"], described["outputDetails"]), ({"included": True}, {"included": True}))
assert described["startDate"] <= described["stopDate"]
nameless = client.start_execution(stateMachineArn=passes)
same(str(uuid.UUID(nameless["executionArn"].rsplit(":", 1)[1])), nameless["executionArn"].rsplit(":", 1)[1])

# Its history: whole, in pages of any size, and backwards.
events = history(client, arn)
same([event["id"] for event in events], list(range(1, 23)))
same(events[0]["type"], "ExecutionStarted")
same(events[0]["executionStartedEventDetails"]["input"], '{"n": 1}')
same(events[1]["stateEnteredEventDetails"]["name"], "S0")
same(events[2]["previousEventId"], 2)
same(events[-1]["type"], "ExecutionSucceeded")
for size in (1, 5, 22, 100):
    same(history(client, arn, PaginationConfig={"PageSize": size}), events)
same(history(client, arn, reverseOrder=True, PaginationConfig={"PageSize": 4}), events[::-1])
without = history(client, arn, includeExecutionData=False)
same([event["type"] for event in without], [event["type"] for event in events])
assert "input" not in without[1]["stateEnteredEventDetails"], without[1]
page = client.get_execution_history(executionArn=arn, maxResults=5)
refused(wrong.InvalidToken, client.get_execution_history, executionArn=arn, nextToken="not a token")
assert page["nextToken"] != "not a token"

# The same start again: the same execution while it runs; refused when it differs or has ended.
running = client.start_execution(stateMachineArn=waits, name="long", input='{"n": 1}')
repeated = client.start_execution(stateMachineArn=waits, name="long", input='{"n": 1}')
same(repeated["executionArn"], running["executionArn"])
same(repeated["startDate"], running["startDate"])
message = refused(
    wrong.ExecutionAlreadyExists, client.start_execution, stateMachineArn=waits, name="long", input='{"n": 2}'
)
same(message, f"Execution Already Exists: '{running['executionArn']}'")
refused(wrong.ExecutionAlreadyExists, client.start_execution, stateMachineArn=passes, name="one", input='{"n": 1}')

# Stopped.
same(client.describe_execution(executionArn=running["executionArn"])["status"], "RUNNING")
stopped = client.stop_execution(executionArn=running["executionArn"], error="Enough", cause="by hand")
assert isinstance(stopped["stopDate"], datetime.datetime)
aborted = ended(client, running["executionArn"])
same((aborted["status"], aborted["error"], aborted["cause"]), ("ABORTED", "Enough", "by hand"))
last = history(client, running["executionArn"])[-1]
same((last["type"], last["executionAbortedEventDetails"]), ("ExecutionAborted", {"error": "Enough", "cause": "by hand"}))

# Failed.
failed = run(client, fails)
same((failed["status"], failed["error"], failed["cause"]), ("FAILED", "Boom", "as told"))
assert "output" not in failed

# Listed: newest first, by status, page by page.
for number in range(5):
    run(client, passes, name=f"more-{number}")
pages = list(
    client.get_paginator("list_executions").paginate(
        stateMachineArn=passes, PaginationConfig={"PageSize": 3}
    )
)
listed = [item for page in pages for item in page["executions"]]
same([len(page["executions"]) for page in pages], [3, 3, 1])
same(len({item["executionArn"] for item in listed}), 7)
starts = [item["startDate"] for item in listed]
same(starts, sorted(starts, reverse=True))
only = lambda machine_arn, status: [
    item["name"] for item in client.list_executions(stateMachineArn=machine_arn, statusFilter=status)["executions"]
]
same(only(waits, "RUNNING"), [])
same(only(waits, "ABORTED"), ["long"])
same(len(only(fails, "FAILED")), 1)
refused(wrong.InvalidToken, client.list_executions, stateMachineArn=passes, nextToken="not a token")

# Refused.
absent = arn + "-absent"
same(
    refused(wrong.ExecutionDoesNotExist, client.describe_execution, executionArn=absent),
    f"Execution Does Not Exist: '{absent}'",
)
refused(wrong.ExecutionDoesNotExist, client.get_execution_history, executionArn=absent)
refused(wrong.ExecutionDoesNotExist, client.stop_execution, executionArn=absent)
refused(wrong.InvalidArn, client.describe_execution, executionArn="no arn at all")
refused(wrong.InvalidExecutionInput, client.start_execution, stateMachineArn=passes, input="{not json")
refused(wrong.InvalidName, client.start_execution, stateMachineArn=passes, name="a b", input="{}")
unknown = passes.replace("passes", "unknown")
same(
    refused(wrong.StateMachineDoesNotExist, client.start_execution, stateMachineArn=unknown),
    f"State Machine Does Not Exist: '{unknown}'",
)
too_long = json.dumps("x" * (256 * 1024))
refused(client.exceptions.ClientError, client.start_execution, stateMachineArn=passes, input=too_long)

# With the prefix left out, StartSyncExecution reaches the server, which has its own reason to refuse it.
unprefixed = boto3.client("stepfunctions", config=Config(inject_host_prefix=False))
message = refused(unprefixed.exceptions.StateMachineTypeNotSupported, unprefixed.start_sync_execution,
                  stateMachineArn=passes)
assert "not supported" in message, message
