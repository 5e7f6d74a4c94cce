"""Activities and task tokens: workers with boto3, with PyPI's stepfunctions-activity-worker, and the sample's."""

import http.server
import json
import pathlib
import subprocess
import sys
import threading

from stepfunctions_activity_worker import ActivityWorker

from connect import ROLE, ended, history, machine, refused, rest, run, same, sfn

client = sfn()
errors = client.exceptions


def start(machine_arn, data):
    started = client.start_execution(stateMachineArn=machine_arn, input=json.dumps(data))
    return started["executionArn"]


def types(arn):
    return [event["type"] for event in history(client, arn)]


# An activity's life.
activity = client.create_activity(name="stamp", tags=[{"key": "team", "value": "red"}])["activityArn"]
same(activity, "arn:aws:states:us-east-1:123456789012:activity:stamp")
same(client.create_activity(name="stamp")["activityArn"], activity)
same(client.describe_activity(activityArn=activity)["name"], "stamp")
same(client.list_tags_for_resource(resourceArn=activity)["tags"], [{"key": "team", "value": "red"}])
for number in range(5):
    client.create_activity(name=f"other-{number}")
pages = client.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2})
same([item["name"] for page in pages for item in page["activities"]],
     [f"other-{number}" for number in range(5)] + ["stamp"])
for number in range(5):
    client.delete_activity(activityArn=activity.replace("stamp", f"other-{number}"))
message = refused(errors.ActivityDoesNotExist, client.get_activity_task,
                  activityArn=activity.replace("stamp", "nobody"))
same(message, f"Activity Does Not Exist: '{activity.replace('stamp', 'nobody')}'")

stamps = machine(client, "stamps", {
    "T": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 300, "HeartbeatSeconds": 30,
          "End": True},
})

# A worker of a few lines. It waits before there is anything to do.
offered = {}
waiting = threading.Thread(
    target=lambda: offered.update(client.get_activity_task(activityArn=activity, workerName="Berta"))
)
waiting.start()
execution = start(stamps, {"letter": 1})
waiting.join(60)
same(json.loads(offered["input"]), {"letter": 1})
token = offered["taskToken"]
client.send_task_heartbeat(taskToken=token)
message = refused(errors.InvalidOutput, client.send_task_success, taskToken=token, output="{broken")
assert message.startswith("Invalid Output: '"), message
client.send_task_success(taskToken=token, output=json.dumps({"stamped": True}))
same(json.loads(ended(client, execution)["output"]), {"stamped": True})
same(types(execution), ["ExecutionStarted", "TaskStateEntered", "ActivityScheduled", "ActivityStarted",
                        "ActivitySucceeded", "TaskStateExited", "ExecutionSucceeded"])
started = next(event for event in history(client, execution) if event["type"] == "ActivityStarted")
same(started["activityStartedEventDetails"], {"workerName": "Berta"})
for call, more in [(client.send_task_success, {"output": "1"}), (client.send_task_failure, {}),
                   (client.send_task_heartbeat, {})]:
    message = refused(errors.TaskTimedOut, call, taskToken=token, **more)
    same(message, "Task Timed Out: 'Provided task does not exist anymore'")
    message = refused(errors.InvalidToken, call, taskToken="made-up", **more)
    same(message, "Invalid Token: 'Invalid token'")

# The worker of PyPI, as it is published: it sends heartbeats by itself.
beats = threading.Semaphore(0)
send_task_heartbeat = client.send_task_heartbeat


def counted(**arguments):
    send_task_heartbeat(**arguments)
    beats.release()


def stamp(letter):
    for _ in range(2):
        assert beats.acquire(timeout=60)
    if letter == 13:
        raise ValueError("nobody stamps letter 13")
    return {"letter": letter, "by": "PyPI"}


client.send_task_heartbeat = counted
for letter in (12, 13):
    execution = start(stamps, {"letter": letter})
    worker = ActivityWorker(activity, stamp, heartbeat_interval=1, client=client, worker_name="PyPI")
    try:
        worker.perform_task()
    except ValueError:
        same(letter, 13)
    done = ended(client, execution)
    if letter == 12:
        same(json.loads(done["output"]), {"letter": 12, "by": "PyPI"})
    else:
        same((done["status"], done["error"]), ("FAILED", "nobody stamps letter 13"))
        assert "stamp" in done["cause"], done["cause"]
client.send_task_heartbeat = send_task_heartbeat

# A task token in somebody else's hands: a function is told it, and answers on its own.
told = []


class Function(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))
        told.append((data, self.headers["statewright-task-token"]))
        if data.get("early"):
            client.send_task_success(taskToken=data["token"], output='"early"')
        text = b"{}"
        self.send_response(202 if data.get("accept") else 200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Function)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
rest("PUT", "/v1/functions/ask", {"url": f"http://127.0.0.1:{server.server_port}/", "protocol": "http"})


def until_told(count):
    for _ in range(3000):
        if len(told) == count:
            return told[-1]
        threading.Event().wait(0.02)
    raise AssertionError(f"told {len(told)} times, not {count}")


asks = machine(client, "asks", {
    "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
          "Parameters": {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token", "early.$": "$.early"}},
          "Catch": [{"ErrorEquals": ["Declined"], "Next": "D"}], "End": True},
    "D": {"Type": "Pass", "End": True},
})
execution = start(asks, {"early": False})
data, header = until_told(1)
same(data["token"], header)
client.send_task_failure(taskToken=header, error="Declined", cause="not today")
same(json.loads(ended(client, execution)["output"]), {"Error": "Declined", "Cause": "not today"})
same(json.loads(run(client, asks, {"early": True})["output"]), "early")

# A function that answers "202 Accepted" has until the state's timeout, and REST does too.
jobs = machine(client, "jobs", {
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:ask",
          "TimeoutSeconds": 3600, "End": True},
})
execution = start(jobs, {"accept": True})
data, token = until_told(3)
rest("POST", f"/v1/tasks/{token}/heartbeat")
rest("POST", f"/v1/tasks/{token}/success", {"frames": 24})
same(json.loads(ended(client, execution)["output"]), {"frames": 24})

# The sample, with its worker as a process of its own.
folder = pathlib.Path(__file__).parents[2] / "definitions" / "activity_worker"
picking = client.create_state_machine(
    name="order_picking", definition=(folder / "order_picking.asl.json").read_text(), roleArn=ROLE
)["stateMachineArn"]
worker = subprocess.Popen([sys.executable, folder / "worker.py"], stdout=subprocess.PIPE, text=True)
try:
    assert "waits for tasks" in worker.stdout.readline()
    order = json.loads((folder / "order_picking.input.json").read_text())
    picked = run(client, picking, order)
    same(json.loads(picked["output"]), json.loads((folder / "order_picking.output.json").read_text()))
finally:
    worker.kill()
    worker.wait()

client.delete_activity(activityArn=activity)
refused(errors.ActivityDoesNotExist, client.describe_activity, activityArn=activity)
