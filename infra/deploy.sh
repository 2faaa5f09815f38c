#!/usr/bin/env bash
# Deploys every stack and pushes the images, or deletes the stacks: docs/aws.md explains each step.
#
#   infra/deploy.sh up PARAMETERS.json      deploy what is new or has changed
#   infra/deploy.sh down                    delete the stacks; the buckets, and Glue's databases with their tables, stay
#
# Needs the AWS command line with credentials, docker, and python3 with PyYAML (make run has one). Asks nothing, and may be repeated.
# The region is AWS_REGION, or else AWS_DEFAULT_REGION, or else the profile's. MODELS="name@revision ..." goes into the images.
set -euo pipefail
stands=$PWD  # where the user does: a relative path counts from there
cd "$(dirname "$0")/.."

settle_region() {
    region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
    [ -n "$region" ] || { echo "No region: set AWS_REGION" >&2; exit 2; }
    export AWS_REGION=$region AWS_DEFAULT_REGION=$region  # both: which one a tool reads depends on its version
    echo "Region: $region"
}

if [ -x .venv/bin/python ]; then python=.venv/bin/python; else python=python3; fi

parameter() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["Parameters"].get(sys.argv[2], ""))' "$parameters" "$1"; }

check() {  # names, values and rules of all stacks, while nothing is built yet
    "$python" -c 'import yaml' 2>/dev/null || { echo "$python has no PyYAML: $python -m pip install pyyaml" >&2; exit 2; }
    "$python" -m infra.before_deploy "$parameters" || exit 2
}

deploy() {
    # A template takes those of the parameters that it has.
    aws cloudformation deploy --stack-name "ftm-$1" --template-file "infra/cloudformation/$1.yaml" \
        --parameter-overrides "file://$parameters" --capabilities CAPABILITY_NAMED_IAM \
        --tags project=ftm --no-fail-on-empty-changeset
}

is_pushed() { aws ecr describe-images --repository-name "$1" --image-ids "imageTag=$tag" >/dev/null 2>&1; }

look_for_docker() {  # which builds what is not pushed yet, after four stacks
    if is_pushed ftm && is_pushed ftm-gpu; then return; fi
    docker info >/dev/null 2>&1 || { echo "Docker does not answer: start it. Nothing was pushed or created." >&2; exit 2; }
}

push() {  # repository, Dockerfile
    local registry=$account.dkr.ecr.$region.amazonaws.com
    if is_pushed "$1"; then
        echo "$1:$tag is in the registry"
        return
    fi
    # The tasks are X86_64; a Mac or another ARM machine builds for itself unless it is told.
    docker build --platform linux/amd64 --build-arg "MODELS=${MODELS:-}" -f "infra/images/$2" -t "$registry/$1:$tag" .
    aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
    docker push "$registry/$1:$tag"
}

look_for_attached() {  # IAM deletes no policy that somebody has, and so no stack storage
    local arn partition account policy who detach=
    arn=$(aws sts get-caller-identity --query Arn --output text)
    IFS=: read -r _ partition _ _ account _ <<<"$arn"
    for policy in "ftm-query-$region" "ftm-views-$region"; do
        # Nobody, too, if there is no such policy, or if whoever calls may not look.
        who=$(aws iam list-entities-for-policy --policy-arn "arn:$partition:iam::$account:policy/$policy" --output text \
            --query '[PolicyUsers[].UserName, PolicyGroups[].GroupName, PolicyRoles[].RoleName][]' 2>/dev/null) || continue
        if [ -n "$who" ]; then echo "$policy is attached to: $(echo $who)" >&2; detach=yes; fi
    done
    [ -z "$detach" ] || { echo "IAM deletes no attached policy: detach first (docs/aws.md). Nothing was deleted." >&2; exit 2; }
}

case "${1:-}" in
up)
    [ -n "${2:-}" ] || { echo "Name your file of parameters: infra/deploy.sh up my-parameters.json" >&2; exit 2; }
    case $2 in /*) parameters=$2 ;; *) parameters=$stands/$2 ;; esac
    [ -f "$parameters" ] || { echo "There is no file $parameters" >&2; exit 2; }
    check
    tag=$(parameter ImageTag)
    settle_region
    account=$(aws sts get-caller-identity --query Account --output text)
    look_for_docker
    deploy budget  # first, so that it watches the rest
    deploy storage
    deploy network
    deploy cluster
    push ftm cpu.Dockerfile
    push ftm-gpu gpu.Dockerfile
    deploy dagster
    if [ -n "$(parameter LlmService)$(parameter EmbeddingService)" ]; then deploy vllm; fi
    ;;
down)
    settle_region
    look_for_attached
    for stack in vllm dagster cluster network storage budget; do
        echo "Deleting ftm-$stack"
        aws cloudformation delete-stack --stack-name "ftm-$stack"
        aws cloudformation wait stack-delete-complete --stack-name "ftm-$stack"
    done
    echo "The buckets ftm-warehouse-… and ftm-logs-… and Glue's databases ftm and ftm_views are left: docs/aws.md says how to delete them"
    ;;
*)
    sed -n '2,8p' infra/deploy.sh >&2
    exit 2
    ;;
esac
