#!/usr/bin/env bash
# The AWS CLI, unmodified: the walk of a first-time user, with JMESPath queries and exit codes.
set -euo pipefail

check() { # what is told, what is expected
    if [ "$1" != "$2" ]; then
        printf 'expected %s\nfound    %s\n' "$2" "$1" >&2
        exit 1
    fi
}

definition='{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "Result": "world", "ResultPath": "$.hello", "End": true}}}'
role=arn:aws:iam::123456789012:role/anything

machine=$(aws stepfunctions create-state-machine --name from-the-shell --definition "$definition" \
    --role-arn "$role" --query stateMachineArn --output text)
check "$machine" arn:aws:states:us-east-1:123456789012:stateMachine:from-the-shell
check "$(aws stepfunctions describe-state-machine --state-machine-arn "$machine" --query status --output text)" ACTIVE

execution=$(aws stepfunctions start-execution --state-machine-arn "$machine" --name one --input '{"n": 1}' \
    --query executionArn --output text)
for _ in $(seq 100); do
    status=$(aws stepfunctions describe-execution --execution-arn "$execution" --query status --output text)
    [ "$status" = RUNNING ] || break
done
check "$status" SUCCEEDED
check "$(aws stepfunctions describe-execution --execution-arn "$execution" --query output --output text)" \
    '{"n":1,"hello":"world"}'

# The CLI pages by itself.
check "$(aws stepfunctions get-execution-history --execution-arn "$execution" --page-size 1 \
    --query 'events[].type' --output text | tr '\t\n' '  ' | sed 's/ *$//')" \
    "ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded"
check "$(aws stepfunctions list-executions --state-machine-arn "$machine" --query 'length(executions)' --output text)" 1
check "$(aws stepfunctions list-state-machines --query 'stateMachines[].name' --output text)" from-the-shell

aws stepfunctions tag-resource --resource-arn "$machine" --tags key=team,value=red
check "$(aws stepfunctions list-tags-for-resource --resource-arn "$machine" --query 'tags[0].value' --output text)" red
check "$(aws stepfunctions validate-state-machine-definition --definition '{"StartAt": "A", "States": {}}' \
    --query result --output text)" FAIL

# What is refused leaves with an exit code of its own and says so by AWS's name.
if complaint=$(aws stepfunctions start-execution --state-machine-arn "$machine" --input '{broken' 2>&1); then
    echo "broken input was accepted" >&2
    exit 1
fi
case "$complaint" in
*InvalidExecutionInput*) ;;
*) echo "expected InvalidExecutionInput, found: $complaint" >&2 && exit 1 ;;
esac

# An activity worker in four commands.
activity=$(aws stepfunctions create-activity --name from-the-shell --query activityArn --output text)
worked=$(aws stepfunctions create-state-machine --name worked --role-arn "$role" --query stateMachineArn --output text \
    --definition '{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "'"$activity"'", "End": true}}}')
execution=$(aws stepfunctions start-execution --state-machine-arn "$worked" --input '{"n": 1}' \
    --query executionArn --output text)
read -r token input < <(aws stepfunctions get-activity-task --activity-arn "$activity" --worker-name shell \
    --query '[taskToken, input]' --output text)
check "$input" '{"n": 1}'
aws stepfunctions send-task-heartbeat --task-token "$token"
aws stepfunctions send-task-success --task-token "$token" --task-output '{"n": 2}'
for _ in $(seq 100); do
    status=$(aws stepfunctions describe-execution --execution-arn "$execution" --query status --output text)
    [ "$status" = RUNNING ] || break
done
check "$(aws stepfunctions describe-execution --execution-arn "$execution" --query output --output text)" '{"n": 2}'
aws stepfunctions delete-activity --activity-arn "$activity"

aws stepfunctions delete-state-machine --state-machine-arn "$machine"

# With the prefix left out, StartSyncExecution reaches the server, which has its own reason to refuse it.
refused=$(AWS_DISABLE_HOST_PREFIX_INJECTION=true aws stepfunctions start-sync-execution \
    --state-machine-arn "$machine" 2>&1 || true)
[[ $refused == *StateMachineDoesNotExist* ]] || { echo "start-sync-execution: $refused"; exit 1; }
