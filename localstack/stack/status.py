"""What runs, and how much is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from . import aws, deploy, emulator
from .console import BOLD, GREEN, RED, paint, say, table
from .settings import STREAMS, TABLES, Settings

ARCHIVED = ("product_views", "cart_events", "transactions")


def status(settings: Settings) -> int:
    """Prints the state of every part; 1 if the local stack is down."""
    if not emulator.is_running(settings):
        say(f"{paint('down', RED)}: no emulator runs for {settings.home}; start it with 'make up'")
        return 1
    stack = deploy.stack_status(settings)
    say(f"{paint('up', GREEN)}: {settings.emulator} at {settings.endpoint}, stack {stack or 'not deployed'}")
    if stack is None:
        return 1
    section("Streams", ["stream", "shards", "status"], [stream(settings, name) for name in STREAMS])
    section("Functions", ["function", "state", "code updated"], [function(settings, name) for name in settings.functions])
    section("Mappings", ["function", "stream", "state", "last result"], map_rows(settings))
    section("Tables", ["table", "items"], [[name, count_items(settings, name)] for name in TABLES])
    section("Warehouse", ["prefix", "objects", "bytes"], warehouse(settings))
    return 0


def section(title: str, headers: list[str], rows: list[list[Any]]) -> None:
    say(f"\n{paint(title, BOLD)}\n{table(headers, rows)}")


def or_missing(ask: Callable[[], list[Any]], name: str, width: int) -> list[Any]:
    try:
        return ask()
    except ClientError as error:
        return [name, error.response["Error"]["Code"], *[""] * (width - 2)]


def stream(settings: Settings, name: str) -> list[Any]:
    def ask() -> list[Any]:
        kinesis = aws.client(settings, "kinesis")
        summary = kinesis.describe_stream_summary(StreamName=settings.resource(name))["StreamDescriptionSummary"]
        return [summary["StreamName"], summary["OpenShardCount"], summary["StreamStatus"]]

    return or_missing(ask, settings.resource(name), 3)


def function(settings: Settings, name: str) -> list[Any]:
    def ask() -> list[Any]:
        found = aws.client(settings, "lambda").get_function_configuration(FunctionName=settings.resource(name))
        return [found["FunctionName"], found["State"], found["LastModified"][:19].replace("T", " ")]

    return or_missing(ask, settings.resource(name), 3)


def map_rows(settings: Settings) -> list[list[Any]]:
    return [
        [
            mapping["FunctionArn"].rpartition(":")[2],
            mapping["EventSourceArn"].rpartition("/")[2],
            mapping["State"],
            mapping.get("LastProcessingResult", ""),
        ]
        for mapping in deploy.mappings(settings)
    ]


def count_items(settings: Settings, name: str) -> int:
    pages = aws.client(settings, "dynamodb").get_paginator("scan")
    return sum(page["Count"] for page in pages.paginate(TableName=settings.resource(name), Select="COUNT"))


def warehouse(settings: Settings) -> list[list[Any]]:
    prefixes = [f"events/{name}/" for name in ARCHIVED] + ["compacted/", "quarantine/", "catalog/", "warehouse/"]
    rows = [[prefix, *object_totals(settings, settings.warehouse, prefix)] for prefix in prefixes]
    failed = settings.warehouse.replace("warehouse", "failed-batches")
    return [*rows, ["failed batches", *object_totals(settings, failed, "")]]


def object_totals(settings: Settings, bucket: str, prefix: str) -> tuple[int, int]:
    pages = aws.client(settings, "s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    sizes = [entry["Size"] for page in pages for entry in page.get("Contents", [])]
    return len(sizes), sum(sizes)
