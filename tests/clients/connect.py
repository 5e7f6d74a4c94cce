"""What the scripts of this folder share: unmodified clients, of which only the endpoint is set."""

import json
import os
import time
import urllib.error
import urllib.request

import boto3

ROLE = "arn:aws:iam::123456789012:role/anything"


def sfn():
    """A Step Functions client; AWS_ENDPOINT_URL_SFN, region and keys come from the environment."""
    return boto3.client("stepfunctions")


def scheduler():
    """An EventBridge Scheduler client; AWS_ENDPOINT_URL_SCHEDULER comes from the environment."""
    return boto3.client("scheduler")


def rest(method, path, body=None):
    """One call of the REST API; the parsed answer."""
    request = urllib.request.Request(
        os.environ["STATEWRIGHT_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "content-type": "application/json",
            "authorization": "Bearer {AWS_ACCESS_KEY_ID}.{AWS_SECRET_ACCESS_KEY}".format(**os.environ),
        },
    )
    for attempt in range(1, 11):
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text = response.read()
            return json.loads(text) if text else None
        except urllib.error.HTTPError as refusal:
            # As the SDKs do: a server that is away for a moment is asked again.
            if refusal.code != 503 or attempt == 10:
                raise
        time.sleep(0.1 * attempt)


def machine(client, name, states, start_at=None, **more):
    """Creates a state machine of these states and returns its ARN."""
    definition = {"StartAt": start_at or next(iter(states)), "States": states}
    created = client.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=ROLE, **more
    )
    return created["stateMachineArn"]


def ended(client, arn, seconds=60):
    """Waits for the end of an execution and returns its description."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        described = client.describe_execution(executionArn=arn)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.02)
    raise AssertionError(f"{arn} still runs after {seconds} s")


def run(client, machine_arn, data=None, **more):
    """Starts an execution and waits for its end."""
    started = client.start_execution(
        stateMachineArn=machine_arn, input=json.dumps({} if data is None else data), **more
    )
    return ended(client, started["executionArn"])


def history(client, arn, **more):
    """All events of an execution, through the client's own paginator."""
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, **more)
    return [event for page in pages for event in page["events"]]


def refused(error, call, **parameters):
    """The message with which a call is refused; fails if it is not, or for another reason."""
    try:
        answer = call(**parameters)
    except error as refusal:
        return refusal.response["Error"]["Message"]
    raise AssertionError(f"expected {error.__name__}, got {answer}")


def same(found, expected):
    """Fails with both values if they differ."""
    assert found == expected, f"\nexpected {expected!r}\nfound    {found!r}"
