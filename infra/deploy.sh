#!/usr/bin/env bash
# Deploys every stack and pushes the images, or deletes the stacks: docs/aws.md explains each step.
#
#   infra/deploy.sh up PARAMETERS.json      deploy what is new or has changed
#   infra/deploy.sh down                    delete the stacks; the buckets and Glue's tables stay
#
# Needs the AWS command line with credentials, docker, and python3. Asks nothing, and may be repeated.
set -euo pipefail
cd "$(dirname "$0")/.."

parameter() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["Parameters"].get(sys.argv[2], ""))' "$parameters" "$1"; }

deploy() {
    # A template takes those of the parameters that it has.
    aws cloudformation deploy --stack-name "ftm-$1" --template-file "infra/cloudformation/$1.yaml" \
        --parameter-overrides "file://$parameters" --capabilities CAPABILITY_NAMED_IAM \
        --tags project=ftm --no-fail-on-empty-changeset
}

push() {  # repository, Dockerfile
    local registry=$account.dkr.ecr.$region.amazonaws.com
    if aws ecr describe-images --repository-name "$1" --image-ids "imageTag=$tag" >/dev/null 2>&1; then
        echo "$1:$tag is in the registry"
        return
    fi
    docker build -f "infra/images/$2" -t "$registry/$1:$tag" .
    aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
    docker push "$registry/$1:$tag"
}

case "${1:-}" in
up)
    parameters=${2:?name the file of parameters, such as infra/parameters.json}
    [ -f "$parameters" ] || { echo "There is no file $parameters" >&2; exit 2; }
    tag=$(parameter ImageTag)
    account=$(aws sts get-caller-identity --query Account --output text)
    region=$(aws configure get region || echo "${AWS_REGION:?set AWS_REGION}")
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
    for stack in vllm dagster cluster network storage budget; do
        echo "Deleting ftm-$stack"
        aws cloudformation delete-stack --stack-name "ftm-$stack"
        aws cloudformation wait stack-delete-complete --stack-name "ftm-$stack"
    done
    echo "The buckets ftm-warehouse-… and ftm-logs-… and Glue's database ftm are left: docs/aws.md says how to delete them"
    ;;
*)
    sed -n '2,7p' "$0" >&2
    exit 2
    ;;
esac
