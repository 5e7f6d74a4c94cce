#!/usr/bin/env bash
# The AWS CLI and curl with access keys: signed right they are served, else refused by AWS's names.
set -euo pipefail

check() { # what is told, what is expected
    if [ "$1" != "$2" ]; then
        printf 'expected %s\nfound    %s\n' "$2" "$1" >&2
        exit 1
    fi
}

refused() { # the error's name, then a command
    local name=$1 complaint
    shift
    if complaint=$("$@" 2>&1); then
        echo "was accepted: $*" >&2
        exit 1
    fi
    case "$complaint" in
    *"$name"*) ;;
    *) echo "expected $name, found: $complaint" >&2 && exit 1 ;;
    esac
}

definition='{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'
role=arn:aws:iam::123456789012:role/anything

# The AWS CLI, at both of AWS's services.
machine=$(aws stepfunctions create-state-machine --name mine --definition "$definition" --role-arn "$role" \
    --query stateMachineArn --output text)
check "$machine" arn:aws:states:us-east-1:123456789012:stateMachine:mine
check "$(aws scheduler list-schedules --query 'length(Schedules)' --output text)" 0
(
    export AWS_SECRET_ACCESS_KEY=another-secret AWS_MAX_ATTEMPTS=1
    refused InvalidSignatureException aws stepfunctions list-state-machines
    refused InvalidSignatureException aws scheduler list-schedules
)
(
    export AWS_ACCESS_KEY_ID=210987654321 AWS_MAX_ATTEMPTS=1
    refused UnrecognizedClientException aws stepfunctions list-state-machines
)
(
    export AWS_ACCESS_KEY_ID=clients-read AWS_SECRET_ACCESS_KEY=a-secret-to-look AWS_MAX_ATTEMPTS=1
    check "$(aws stepfunctions list-state-machines --query 'stateMachines[].name' --output text)" mine
    refused AccessDeniedException aws stepfunctions delete-state-machine --state-machine-arn "$machine"
)
(
    export AWS_ACCESS_KEY_ID=clients-other AWS_SECRET_ACCESS_KEY=a-secret-of-others AWS_MAX_ATTEMPTS=1
    check "$(aws stepfunctions list-state-machines --query 'length(stateMachines)' --output text)" 0
    refused StateMachineDoesNotExist aws stepfunctions describe-state-machine --state-machine-arn "$machine"
)

# curl over REST.
url=$STATEWRIGHT_URL
status() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }
key="$AWS_ACCESS_KEY_ID.$AWS_SECRET_ACCESS_KEY"
check "$(status "$url/v1/state-machines/mine" -H "Authorization: Bearer $key")" 200
check "$(status "$url/v1/state-machines/mine")" 401
check "$(status "$url/v1/state-machines/mine" -H "Authorization: Bearer $key-")" 401
check "$(status -X DELETE "$url/v1/state-machines/mine" -H 'Authorization: Bearer clients-read.a-secret-to-look')" 403
check "$(status "$url/v1/state-machines/mine" -H 'Authorization: Bearer clients-other.a-secret-of-others')" 404
check "$(status "$url/metrics")" 401
check "$(status "$url/healthz")" 200

# curl signs by itself where it is new enough.
if curl --help all | grep -q -e --aws-sigv4; then
    sign=(--aws-sigv4 aws:amz:us-east-1:states -H 'Content-Type: application/x-amz-json-1.0'
        -H 'X-Amz-Target: AWSStepFunctions.ListStateMachines' -d '{}' "$url/")
    check "$(status --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "${sign[@]}")" 200
    check "$(status --user "$AWS_ACCESS_KEY_ID:another-secret" "${sign[@]}")" 400
    check "$(status --aws-sigv4 aws:amz:us-east-1:scheduler --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        "$url/schedules")" 200
    check "$(status --aws-sigv4 aws:amz:us-east-1:scheduler --user "$AWS_ACCESS_KEY_ID:another-secret" \
        "$url/schedules")" 403
fi
