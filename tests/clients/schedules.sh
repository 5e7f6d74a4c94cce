#!/usr/bin/env bash
# The AWS CLI, unmodified: a schedule is set up, changed, listed and deleted.
set -euo pipefail

check() { # what is told, what is expected
    if [ "$1" != "$2" ]; then
        printf 'expected %s\nfound    %s\n' "$2" "$1" >&2
        exit 1
    fi
}

target='{"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:report",
         "RoleArn": "arn:aws:iam::123456789012:role/anything", "Input": "{\"n\": 1}"}'
group=$(aws scheduler create-schedule-group --name night --tags Key=team,Value=a \
    --query ScheduleGroupArn --output text)
check "$group" arn:aws:scheduler:us-east-1:123456789012:schedule-group/night
check "$(aws scheduler list-tags-for-resource --resource-arn "$group" --query 'Tags[0].Value' --output text)" a

check "$(aws scheduler create-schedule --name nightly --group-name night --target "$target" \
    --schedule-expression 'cron(0 2 ? * MON-FRI *)' --schedule-expression-timezone Europe/Berlin \
    --start-date 2040-01-01T00:00:00Z --flexible-time-window Mode=FLEXIBLE,MaximumWindowInMinutes=5 \
    --query ScheduleArn --output text)" \
    arn:aws:scheduler:us-east-1:123456789012:schedule/night/nightly
check "$(aws scheduler get-schedule --name nightly --group-name night \
    --query '[ScheduleExpression, State, FlexibleTimeWindow.MaximumWindowInMinutes, Target.Input]' --output json |
    tr -d ' \n')" '["cron(02?*MON-FRI*)","ENABLED",5,"{\"n\":1}"]'

aws scheduler update-schedule --name nightly --group-name night --target "$target" --state DISABLED \
    --schedule-expression 'rate(1 hour)' --flexible-time-window Mode=OFF >/dev/null
check "$(aws scheduler list-schedules --group-name night --query 'Schedules[].[Name, State]' --output text)" \
    "$(printf 'nightly\tDISABLED')"

# What is refused leaves with an exit code of its own and says so by AWS's name.
if complaint=$(aws scheduler get-schedule --name nightly 2>&1); then
    echo "a schedule was found in the wrong group" >&2
    exit 1
fi
case "$complaint" in
*ResourceNotFoundException*"Schedule nightly does not exist."*) ;;
*) echo "expected ResourceNotFoundException, found: $complaint" >&2 && exit 1 ;;
esac

aws scheduler delete-schedule --name nightly --group-name night
aws scheduler delete-schedule-group --name night
check "$(aws scheduler list-schedules --query 'length(Schedules)' --output text)" 0
