"""An activity worker with boto3: fetches tasks of the activity `pick` and does them, one by one.

    AWS_ENDPOINT_URL_SFN=http://127.0.0.1:8083 python worker.py

As many as are wanted may run, on any machine that reaches the server. Nothing is lost when one is
stopped: a task that it has taken is given to another when its heartbeats stop.
"""

import json
import os
import socket
import threading

import boto3
from botocore.config import Config

# A poll takes almost a minute where there is nothing to do.
client = boto3.client("stepfunctions", config=Config(read_timeout=70, retries={"mode": "standard"}))
NAME = f"{socket.gethostname()}-{os.getpid()}"


class ShelfEmpty(Exception):
    """There is nothing to pick."""


def pick(task):
    """The work itself; in a warehouse somebody would walk now."""
    line = task["line"]
    if line["sku"].startswith("SOLD-OUT"):
        raise ShelfEmpty(f"no {line['sku']} is left for order {task['order']}")
    return {"sku": line["sku"], "picked": line["quantity"]}


def beat(token, done, seconds=20):
    """Says every few seconds that somebody is still at it."""
    while not done.wait(seconds):
        client.send_task_heartbeat(taskToken=token)


def work(token, task):
    """Does one task and says how it went."""
    done = threading.Event()
    threading.Thread(target=beat, args=(token, done), daemon=True).start()
    try:
        result = pick(task)
    except ShelfEmpty as empty:
        client.send_task_failure(taskToken=token, error="Shelf.Empty", cause=str(empty))
    except Exception as broken:  # Whatever it is, whoever started the execution is to know.
        client.send_task_failure(
            taskToken=token, error=type(broken).__name__, cause=str(broken)[:32768]
        )
    else:
        client.send_task_success(taskToken=token, output=json.dumps(result))
    finally:
        done.set()


def main():
    activity = client.create_activity(name="pick")["activityArn"]
    print(f"{NAME} waits for tasks of {activity}", flush=True)
    while True:
        offered = client.get_activity_task(activityArn=activity, workerName=NAME)
        if not offered.get("taskToken"):
            continue  # There was nothing to do for almost a minute.
        try:
            work(offered["taskToken"], json.loads(offered["input"]))
        except (client.exceptions.TaskTimedOut, client.exceptions.TaskDoesNotExist):
            print("a task was over before it was done", flush=True)


if __name__ == "__main__":
    main()
