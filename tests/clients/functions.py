"""Tasks that call functions over HTTP: plain, as Lambda, failing, slow, and retried."""

import collections
import http.server
import json
import re
import threading

from connect import history, machine, rest, run, same, sfn

client = sfn()
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
calls = collections.defaultdict(list)
released = threading.Event()


class Functions(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        # A Lambda-compatible server is called at /2015-03-31/functions/NAME/invocations.
        invoked = re.search(r"/functions/([^/]+)/invocations", self.path)
        name = invoked[1] if invoked else self.path.strip("/")
        calls[name].append((self.path, dict(self.headers), json.loads(body)))
        if name == "slow":
            released.wait(60)
        status, headers, answer = answers(name, json.loads(body))
        text = json.dumps(answer).encode()
        try:
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except ConnectionError:
            pass  # The caller had given up.

    def log_message(self, *_):
        pass


def answers(name, data):
    if name == "double":
        return 200, {}, {"n": data["n"] * 2}
    if name == "flaky" and len(calls[name]) < 3:
        return 503, {}, {"error": "not yet"}
    if name == "broken":
        return 200, {"X-Amz-Function-Error": "Unhandled"}, {
            "errorMessage": "out of paper", "errorType": "PrinterError",
        }
    return 200, {}, data


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Functions)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def task(resource, **more):
    return {"T": {"Type": "Task", "Resource": resource, "End": True, **more}}


# A plain HTTP function: the input is posted, the answer is the result.
rest("PUT", "/v1/functions/double", {"url": f"{base}/double", "protocol": "http"})
by_arn = machine(client, "by-arn", task(ARN + "double"))
done = run(client, by_arn, {"n": 21})
same((done["status"], json.loads(done["output"])), ("SUCCEEDED", {"n": 42}))
path, headers, data = calls["double"][0]
headers = {name.lower(): value for name, value in headers.items()}
same((path, data), ("/double", {"n": 21}))
assert headers["idempotency-key"], headers
assert headers["traceparent"].startswith("00-"), headers
assert done["executionArn"] in headers.values(), headers
types = [event["type"] for event in history(client, done["executionArn"])]
same(
    types,
    ["ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted",
     "LambdaFunctionSucceeded", "TaskStateExited", "ExecutionSucceeded"],
)
qualified = machine(client, "qualified", task(ARN + "double:$LATEST"))
same(json.loads(run(client, qualified, {"n": 1})["output"]), {"n": 2})

# Retried: three calls, of which each has its own idempotency key.
rest("PUT", "/v1/functions/flaky", {"url": f"{base}/flaky", "protocol": "http"})
retried = machine(
    client, "retried",
    task(ARN + "flaky", Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 5}]),
)
same(run(client, retried, {"n": 1})["status"], "SUCCEEDED")
keys = [{name.lower(): value for name, value in call[1].items()}["idempotency-key"] for call in calls["flaky"]]
same((len(keys), len(set(keys))), (3, 3))

# The Lambda protocol, through the optimised integration, with Lambda's way to fail.
rest("PUT", "/v1/functions/invoked", {"url": f"{base}/invoked", "protocol": "lambda"})
invoke = task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "invoked", "Payload.$": "$"})
result = json.loads(run(client, machine(client, "invoke", invoke), {"n": 5})["output"])
same((result["StatusCode"], result["Payload"]), (200, {"n": 5}))
rest("PUT", "/v1/functions/broken", {"url": f"{base}/broken", "protocol": "lambda"})
failed = run(client, machine(client, "broken", task(ARN + "broken")), {})
same((failed["status"], failed["error"]), ("FAILED", "PrinterError"))
same(json.loads(failed["cause"])["errorMessage"], "out of paper")

# A slow function: the state's own limit ends the task and nothing else.
rest("PUT", "/v1/functions/slow", {"url": f"{base}/slow", "protocol": "http"})
late = run(client, machine(client, "slow", task(ARN + "slow", TimeoutSeconds=1)), {})
same((late["status"], late["error"]), ("FAILED", "States.Timeout"))
same(json.loads(run(client, by_arn, {"n": 4})["output"]), {"n": 8})
released.set()

# A function that is neither registered nor reachable through a Lambda endpoint.
missing = run(client, machine(client, "missing", task(ARN + "missing")), {})
same(missing["status"], "FAILED")
assert "missing" in missing["cause"], missing
listed = rest("GET", "/v1/functions")
assert "double" in json.dumps(listed), listed
