"""A client that openapi-python-client makes of the served document, led through every noun.

The document is held against the OpenAPI schema first; what the generator warns of is a failure.
"""

import http.server
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from openapi_spec_validator import validate

from connect import same

URL = os.environ["STATEWRIGHT_URL"]

with urllib.request.urlopen(f"{URL}/openapi.json", timeout=60) as response:
    document = json.load(response)
validate(document)
operations = {
    said["operationId"]: (tag, path)
    for path, methods in document["paths"].items()
    for said in methods.values()
    for tag in said["tags"]
}

folder = tempfile.mkdtemp(prefix="statewright-generated-")
with open(f"{folder}/openapi.json", "w", encoding="utf-8") as file:
    json.dump(document, file)
subprocess.run(
    ["openapi-python-client", "generate", "--path", f"{folder}/openapi.json", "--meta", "none",
     "--output-path", f"{folder}/statewright", "--fail-on-warning"],
    check=True, stdout=subprocess.DEVNULL,
)
sys.path.insert(0, folder)
import statewright  # noqa: E402
from statewright import models, types  # noqa: E402

# The document says that an access key is needed, hence what is generated asks for one.
key = "{AWS_ACCESS_KEY_ID}.{AWS_SECRET_ACCESS_KEY}".format(**os.environ)
client = statewright.AuthenticatedClient(base_url=URL, token=key, timeout=90)
called = set()


def ask(operation, *arguments, expect=200, **parameters):
    """One call by the generated function for an operation; what it read of the answer."""
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation)
    tag, _ = operations[operation]
    module = importlib.import_module(f"statewright.api.{tag.replace(' ', '_')}.{name}")
    called.add(operation)
    for attempt in range(1, 11):
        answer = module.sync_detailed(*arguments, client=client, **parameters)
        if answer.status_code != 503 or expect == 503:
            break
        time.sleep(0.1 * attempt)
    assert answer.status_code == expect, (operation, answer)
    if expect >= 400:
        assert isinstance(answer.parsed, models.Problem), answer
    return answer.parsed


def of(model, data):
    """A body, from its JSON."""
    return getattr(models, model).from_dict(data)


def machine(name, states, expect=201):
    definition = {"StartAt": next(iter(states)), "States": states}
    return ask("putStateMachine", name, body=of("NewStateMachine", {"definition": definition}),
               expect=expect)


def start(name, data, key=types.UNSET, expect=201):
    body = of("NewExecution", {"input": data})
    return ask("startExecutionOf", name, body=body, idempotency_key=key, expect=expect)


def ended(execution):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        described = ask("describeExecution", execution)
        if described.status != models.ExecutionStatus.RUNNING:
            return described
        time.sleep(0.02)
    raise AssertionError(f"{execution} still runs")


class Double(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps({"n": 2 * data["n"]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Double)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()

# State machines, their versions and tags.
function = "arn:aws:lambda:us-east-1:123456789012:function:double"
doubles = {"T": {"Type": "Task", "Resource": function, "End": True}}
machine("double", doubles)
machine("double", doubles, expect=200)
same(ask("describeStateMachine", "double").definition.to_dict()["StartAt"], "T")
same([it.name for it in ask("listStateMachines", limit=10).state_machines], ["double"])
ask("createStateMachine", expect=201,
    body=of("NewStateMachine", {"name": "extra", "definition": {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}}))
broken = {"StartAt": "T", "States": {}}
refused = ask("createStateMachine", body=of("NewStateMachine", {"name": "broken", "definition": broken}), expect=422)
assert refused.type_ == "urn:statewright:problem:InvalidDefinition" and refused.diagnostics, refused
same(ask("validateDefinition", body=of("ToValidate", {"definition": broken})).valid, False)
same(ask("publishVersion", "double", body=of("NewVersion", {"description": "one"}), expect=201).version, 1)
same([it.version for it in ask("listVersions", "double").versions], [1])
same(ask("describeVersion", "double", "1").description, "one")
ask("deleteVersion", "double", "1", expect=204)

# Functions.
registration = of("NewFunction", {"url": f"http://127.0.0.1:{server.server_port}/double"})
ask("putFunction", "double", body=registration, expect=201)
same(ask("putFunction", "double", body=registration).protocol, models.Protocol.HTTP)
same(ask("describeFunction", "double").delivery, models.Delivery.AT_LEAST_ONCE)
same([it.name for it in ask("listFunctions").functions], ["double"])

# Executions: started once by a key, described, listed, followed, stopped.
started = start("double", {"n": 21}, key="first")
done = ended(started.arn)
same((done.status, done.output), (models.ExecutionStatus.SUCCEEDED, {"n": 42}))
same(start("double", {"n": 21}, key="first"), started)
same(start("double", {"n": 22}, key="first", expect=422).title, "Idempotency key reused")
history = ask("getExecutionHistory", started.arn, limit=3)
same([event.type_ for event in history.events][:2], ["ExecutionStarted", "TaskStateEntered"])
rest = ask("getExecutionHistory", started.arn, page_token=history.next_page_token)
same(rest.events[-1].type_, "ExecutionSucceeded")
listed = ask("listExecutions", state_machine="double", status=models.ExecutionStatus.SUCCEEDED)
same([it.arn for it in listed.executions], [started.arn])
nap = {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}
machine("nap", nap)
napping = ask("startExecution", expect=201, body=of("NewExecution", {"state_machine": "nap", "name": "one"}))
ask("stopExecution", "nap:one", body=of("WhyStop", {"error": "Enough"}))
stopped = ended(napping.arn)
same((stopped.status, stopped.error), (models.ExecutionStatus.ABORTED, "Enough"))
ask("describeExecution", "nap:never", expect=404)

# Activities, and tasks that end by their token.
ask("putActivity", "pick", expect=201)
ask("putActivity", "pick", body=of("NewActivity", {"tags": {"team": "a"}}))
same(ask("describeActivity", "pick").name, "pick")
same([it.name for it in ask("listActivities").activities], ["pick"])
pick = "arn:aws:states:us-east-1:123456789012:activity:pick"
machine("picks", {"T": {"Type": "Task", "Resource": pick, "HeartbeatSeconds": 60, "End": True}})
for answer, status in (("succeedTask", "SUCCEEDED"), ("failTask", "FAILED")):
    picking = start("picks", {"shelf": 7})
    task = ask("pollActivity", "pick", body=of("Poll", {"worker_name": "Berta"}))
    same(task.input_, {"shelf": 7})
    ask("heartbeatTask", task.token, expect=204)
    said = {"picked": True} if answer == "succeedTask" else of("Failure", {"error": "Shelf.Empty"})
    ask(answer, task.token, body=said, expect=204)
    same(ended(picking.arn).status, status)
    ask("heartbeatTask", task.token, expect=410)
ask("heartbeatTask", "no-token", expect=400)

# Schedules, their groups, firings and backfills.
ask("putScheduleGroup", "night", expect=201)
same(ask("describeScheduleGroup", "night").state, models.ScheduleGroupState.ACTIVE)
same([it.name for it in ask("listScheduleGroups").groups], ["default", "night"])
nightly = of("NewSchedule", {"expression": "cron(0 2 * * ? *)", "state_machine": "double", "input": {"n": 1}})
ask("putSchedule", "nightly", body=nightly, group="night", expect=201)
ask("putSchedule", "nightly", body=nightly, group="night")
same(ask("describeSchedule", "nightly", group="night").overlap, models.Overlap.ALLOW)
same([it.name for it in ask("listSchedules", group="night").schedules], ["nightly"])
same(ask("pauseSchedule", "nightly", group="night", body=of("Pause", {"reason": "books"})).paused_reason, "books")
same(ask("resumeSchedule", "nightly", group="night").state, models.ScheduleState.ENABLED)
firing = ask("runSchedule", "nightly", group="night", expect=202)
same(firing.kind, models.FiringKind.RUN_NOW)
same([it.request for it in ask("listFirings", "nightly", group="night").firings], [firing.request])
same(len(ask("previewSchedule", "nightly", group="night", count=3).firings), 3)
tried = of("TriedExpression", {"expression": "rate(1 day)", "count": 2})
same(len(ask("previewExpression", body=tried).firings), 2)
span = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-03T00:00:00Z"}
backfill = ask("startBackfill", "nightly", group="night", body=of("NewBackfill", span), expect=202)
same([it.id for it in ask("listBackfills", "nightly", group="night").backfills], [backfill.id])
ask("cancelBackfill", "nightly", str(backfill.id), group="night", expect=204)

# Tags, alike for all that have some.
for noun, name in (("StateMachine", "double"), ("Activity", "pick"), ("ScheduleGroup", "night")):
    ask(f"put{noun}Tag", name, "team", body=of("NewTag", {"value": "blue"}), expect=201)
    same(ask(f"list{noun}Tags", name).tags.to_dict(), {"team": "blue"})
    ask(f"delete{noun}Tag", name, "team", expect=204)

for operation, name in (
    ("deleteSchedule", "nightly"), ("deleteScheduleGroup", "night"), ("deleteActivity", "pick"),
    ("deleteFunction", "double"), ("deleteStateMachine", "double"),
):
    for _ in range(2):
        ask(operation, name, expect=204)

# A stream of events is nothing that a generated function reads to its end; all else was called.
same(set(operations) - called, {"followExecution"})
