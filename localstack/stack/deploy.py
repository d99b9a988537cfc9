"""Deploys infra/template.yaml, the very one that AWS gets, to the emulator."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from botocore.exceptions import ClientError

from . import aws, build
from .console import Failure, say, wait_for
from .settings import FUNCTIONS, JOBS, REPOSITORY, Settings, architecture

TEMPLATE = REPOSITORY / "infra" / "template.yaml"
STACK_LIMIT_S = 180
MAPPINGS_LIMIT_S = 120


def deploy(settings: Settings, packages: list[build.Package]) -> None:
    template = template_with_code(upload(settings, packages), settings)
    say(f"  stack {stack_name(settings)}: {apply(settings, upload_template(settings, template))}")
    mappings_enabled(settings)


def stack_name(settings: Settings) -> str:
    return f"globalmart-{settings.stage}"


def code_bucket(settings: Settings) -> str:
    return settings.resource("code")


def upload(settings: Settings, packages: list[build.Package]) -> dict[str, str]:
    """Puts the functions' packages where the stack fetches them; their keys by function."""
    s3 = aws.client(settings, "s3")
    bucket = code_bucket(settings)
    s3.create_bucket(Bucket=bucket)
    keys = {}
    for package in packages:
        if not has_object(s3, bucket, package.key):
            s3.put_object(Bucket=bucket, Key=package.key, Body=package.zipped())
        keys[package.function] = package.key
    return keys


def upload_template(settings: Settings, template: str) -> str:
    """Puts the template where CloudFormation reads it: a request holds only 51,200 bytes of one."""
    key = f"template/{hashlib.sha256(template.encode()).hexdigest()}.yaml"
    aws.client(settings, "s3").put_object(Bucket=code_bucket(settings), Key=key, Body=template.encode())
    return f"{settings.endpoint}/{code_bucket(settings)}/{key}"


def has_object(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True


def template_with_code(keys: dict[str, str], settings: Settings) -> str:
    """What `aws cloudformation package` does: local paths of code become places in a bucket."""

    def uploaded(match: re.Match[str]) -> str:
        # The code of a job that is left out is not looked at.
        key = keys.get(match["function"], "left-out")
        return f"CodeUri: s3://{code_bucket(settings)}/{key}"

    local_code = r"CodeUri: \.\./target/lambda/(?P<function>[a-z]+)/bootstrap\.zip"
    body, replaced = re.subn(local_code, uploaded, TEMPLATE.read_text())
    if replaced != len(FUNCTIONS):
        raise Failure(f"{TEMPLATE.name} has {replaced} local CodeUri, and there are {len(FUNCTIONS)} functions")
    return body


def parameters(settings: Settings) -> list[dict[str, str]]:
    values = {
        "Stage": settings.stage,
        "Architecture": architecture(),
        "Analytics": "true" if settings.analytics else "false",
        # Two each, so that readers have partial results of several shards to merge.
        "ProductViewShards": "2",
        "CartEventShards": "2",
        "TransactionShards": "2",
        # People and tests wait for the archive here.
        "ArchiveWindowSeconds": "5",
        "CartTimeoutSeconds": str(settings.cart_timeout_s),
        # No reader reads for long here.
        "CompactionStepSeconds": "0",
    }
    values |= {f"Run{job.capitalize()}": "true" if job in settings.jobs else "false" for job in JOBS}
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def apply(settings: Settings, template_url: str) -> str:
    cloudformation = aws.client(settings, "cloudformation")
    request = {
        "StackName": stack_name(settings),
        "TemplateURL": template_url,
        "Parameters": parameters(settings),
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    before = stack_status(settings, cloudformation)
    if before is None:
        cloudformation.create_stack(**request)
        done = "created"
    else:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return "up to date"
            raise
        done = "updated"

    def settled() -> bool:
        status = stack_status(settings, cloudformation) or ""
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return True
        if status.endswith("_FAILED") or "ROLLBACK" in status and status.endswith("_COMPLETE"):
            raise Failure(f"the stack is {status}:\n{reasons(settings, cloudformation)}", "make down, then make up")
        return False

    wait_for("the stack to be deployed", settled, STACK_LIMIT_S, "make logs NAME=emulator")
    return done


def stack_status(settings: Settings, cloudformation: Any = None) -> str | None:
    cloudformation = cloudformation or aws.client(settings, "cloudformation")
    try:
        stacks = cloudformation.describe_stacks(StackName=stack_name(settings))["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return stacks[0]["StackStatus"]


def reasons(settings: Settings, cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=stack_name(settings))["StackEvents"]
    failed = [event for event in reversed(events) if event.get("ResourceStatus", "").endswith("_FAILED")]
    return "\n".join(
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}" for event in failed
    )


def mappings(settings: Settings) -> list[dict[str, Any]]:
    pages = aws.client(settings, "lambda").get_paginator("list_event_source_mappings").paginate()
    mine = settings.resource("")
    found = [m for page in pages for m in page["EventSourceMappings"] if f":function:{mine}" in m["FunctionArn"]]
    return sorted(found, key=lambda m: (m["FunctionArn"], m["EventSourceArn"]))


def mappings_enabled(settings: Settings) -> None:
    def enabled() -> bool:
        states = [mapping["State"] for mapping in mappings(settings)]
        return bool(states) and all(state == "Enabled" for state in states)

    wait_for("the event source mappings", enabled, MAPPINGS_LIMIT_S, "make status")
