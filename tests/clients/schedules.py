"""Schedules through boto3's own `scheduler` client: groups, schedules, tags, pages, refusals."""

import datetime
import json
import time

from connect import ROLE, ended, machine, refused, rest, same, scheduler, sfn

client = scheduler()
wrong = client.exceptions
target_arn = machine(sfn(), "report", {"A": {"Type": "Pass", "End": True}})
TARGET = {"Arn": target_arn, "RoleArn": ROLE}
OFF = {"Mode": "OFF"}

# A group with tags.
group = client.create_schedule_group(Name="night", Tags=[{"Key": "team", "Value": "a"}])
group_arn = group["ScheduleGroupArn"]
same(group_arn, "arn:aws:scheduler:us-east-1:123456789012:schedule-group/night")
same(client.get_schedule_group(Name="night")["State"], "ACTIVE")
client.tag_resource(ResourceArn=group_arn, Tags=[{"Key": "cost", "Value": "7"}])
client.untag_resource(ResourceArn=group_arn, TagKeys=["team"])
same(client.list_tags_for_resource(ResourceArn=group_arn)["Tags"], [{"Key": "cost", "Value": "7"}])
refused(wrong.ConflictException, client.create_schedule_group, Name="night")
names = [found["Name"] for found in client.list_schedule_groups()["ScheduleGroups"]]
same(names, ["default", "night"])

# A schedule, described as it was created.
start = datetime.datetime(2040, 1, 1, 12, 30, tzinfo=datetime.timezone.utc)
created = client.create_schedule(
    Name="nightly",
    GroupName="night",
    ScheduleExpression="cron(0 2 * * ? *)",
    ScheduleExpressionTimezone="Europe/Berlin",
    StartDate=start,
    EndDate=start + datetime.timedelta(days=1),
    Description="the night's report",
    FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
    ActionAfterCompletion="DELETE",
    Target={
        **TARGET,
        "Input": json.dumps({"for": "<aws.scheduler.scheduled-time>"}),
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2},
    },
)
arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/night/nightly"
same(created["ScheduleArn"], arn)
found = client.get_schedule(Name="nightly", GroupName="night")
same(found["Arn"], arn)
same(found["StartDate"], start)
same(found["State"], "ENABLED")
same(found["FlexibleTimeWindow"], {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15})
same(found["Target"]["RetryPolicy"], {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2})
same(json.loads(found["Target"]["Input"]), {"for": "<aws.scheduler.scheduled-time>"})
assert isinstance(found["CreationDate"], datetime.datetime), found

# An update replaces it whole.
client.update_schedule(
    Name="nightly", GroupName="night", ScheduleExpression="rate(2 hours)", State="DISABLED",
    FlexibleTimeWindow=OFF, Target=TARGET,
)
found = client.get_schedule(Name="nightly", GroupName="night")
same(found["State"], "DISABLED")
same(found["ScheduleExpression"], "rate(2 hours)")
same(found["ScheduleExpressionTimezone"], "UTC")
same(found["ActionAfterCompletion"], "NONE")
assert not {"StartDate", "EndDate", "Description"} & found.keys(), found

# The client's own paginators walk over pages.
for number in range(7):
    client.create_schedule(
        Name=f"many-{number}", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=OFF, Target=TARGET
    )
pages = client.get_paginator("list_schedules").paginate(
    GroupName="default", NamePrefix="many-", PaginationConfig={"PageSize": 3}
)
listed = [item["Name"] for page in pages for item in page["Schedules"]]
same(listed, [f"many-{number}" for number in range(7)])
same([item["Name"] for item in client.list_schedules(State="DISABLED")["Schedules"]], ["nightly"])

# Creating again with the same token is the same creation.
again = dict(
    Name="once", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=OFF, Target=TARGET,
    ClientToken="the-same",
)
first, second = client.create_schedule(**again), client.create_schedule(**again)
same(first["ScheduleArn"], second["ScheduleArn"])
message = refused(wrong.ConflictException, client.create_schedule, **again | {"ClientToken": "new"})
same(message, "Schedule once already exists.")

# What is wrong is said by AWS's own exceptions, and what is not supported by name.
message = refused(wrong.ResourceNotFoundException, client.get_schedule, Name="nothing")
same(message, "Schedule nothing does not exist.")
fresh = dict(Name="fresh", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=OFF, Target=TARGET)
message = refused(
    wrong.ValidationException, client.create_schedule,
    **fresh | {"ScheduleExpression": "cron(0 1 * * * *)"},
)
same(message, "Invalid Schedule Expression cron(0 1 * * * *).")
queue = "arn:aws:sqs:us-east-1:123456789012:queue"
for members, expected in [
    ({"Target": TARGET | {"Arn": queue}}, "sqs is not a supported service for a target."),
    ({"Target": TARGET | {"SqsParameters": {"MessageGroupId": "g"}}}, "SqsParameters"),
    ({"Target": TARGET | {"DeadLetterConfig": {"Arn": queue}}}, "DeadLetterConfig"),
    ({"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}, "KmsKeyArn"),
]:
    message = refused(wrong.ValidationException, client.create_schedule, **fresh | members)
    assert expected in message, message

# A group takes its schedules along.
client.delete_schedule_group(Name="night")
refused(wrong.ResourceNotFoundException, client.get_schedule, Name="nightly", GroupName="night")
for name in [*listed, "once"]:
    client.delete_schedule(Name=name)
same(client.list_schedules()["Schedules"], [])

# What boto3 sets up, REST shows and previews.
client.create_schedule(**fresh | {"ScheduleExpression": "cron(30 2 * * ? *)",
                                  "ScheduleExpressionTimezone": "Europe/Berlin"})
shown = rest("GET", "/v1/schedules/fresh/preview?after=2027-03-27T12:00:00Z&count=1")
same(shown["firings"][0]["skipped"], [{"due": "2027-03-28T02:30:00", "until": "2027-03-28T03:00:00"}])

# Run now, it starts the state machine, with the placeholders filled in.
client.update_schedule(**fresh | {"Target": TARGET | {
    "Input": '{"of": "<aws.scheduler.schedule-arn>", "try": <aws.scheduler.attempt-number>}'}})
due_at = rest("POST", "/v1/schedules/fresh/run", {})["due_at"]
deadline = time.monotonic() + 60
while "execution_arn" not in (firing := rest("GET", "/v1/schedules/fresh/firings")["firings"][0]):
    assert time.monotonic() < deadline, firing
    time.sleep(0.05)
same((firing["kind"], firing["state"], firing["due_at"]), ("run_now", "started", due_at))
done = ended(sfn(), firing["execution_arn"])
same(done["status"], "SUCCEEDED")
same(json.loads(done["input"]), {
    "of": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/fresh", "try": 1,
})
assert done["name"].startswith("fresh-"), done["name"]
