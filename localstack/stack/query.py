"""Runs SQL in Athena and prints what it answers.

The emulator's Athena has no views. So a query that names one gets its definition with it, as a common table expression.
"""

from __future__ import annotations

import datetime
import re
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from . import aws
from .console import DIM, Failure, paint, say, table, wait_for
from .settings import REPOSITORY, Settings

QUERY_LIMIT_S = 120
VIEWS = REPOSITORY / "infra" / "athena" / "views"


def query(settings: Settings, sql: str, file: str) -> int:
    if not settings.analytics:
        raise Failure("LocalStack has Athena only in its paid editions", "make down, then make up without EMULATOR")
    started = time.monotonic()
    headers, rows = answer(settings, statement(sql, file))
    say(table(headers, rows))
    noun = "row" if len(rows) == 1 else "rows"
    say(paint(f"({len(rows)} {noun}, {time.monotonic() - started:.2f} s)", DIM))
    return 0


def statement(sql: str, file: str) -> str:
    if bool(sql) == bool(file):
        raise Failure(
            "give either SQL or FILE",
            "make query SQL='select count(*) from transactions'\nmake query FILE=infra/athena/sales_per_minute.sql",
        )
    if sql:
        return sql
    # The queries of the analytical tables say so for the last complete day.
    yesterday = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    try:
        return Path(file).read_text().replace("${as_of_date}", str(yesterday))
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}", "ls infra/athena") from error


def answer(settings: Settings, sql: str) -> tuple[list[str], list[list[str]]]:
    athena = aws.client(settings, "athena")
    try:
        started = athena.start_query_execution(
            QueryString=with_views(settings, sql),
            WorkGroup=settings.resource("").rstrip("-"),
            QueryExecutionContext={"Database": settings.database},
        )
    except ClientError as error:
        raise Failure(f"Athena refused the query: {error.response['Error']['Message']}") from error
    query_id = started["QueryExecutionId"]

    def finished() -> bool:
        status = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
        if status["State"] in ("FAILED", "CANCELLED"):
            reason = status.get("StateChangeReason") or "no reason given"
            raise Failure(f"the query {status['State'].lower()}: {reason}")
        return status["State"] == "SUCCEEDED"

    wait_for("the query", finished, QUERY_LIMIT_S)
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    headers: list[str] = []
    rows: list[list[str]] = []
    for page in pages:
        columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        found = [values(row) for row in page["ResultSet"]["Rows"]]
        if not headers:
            headers = [column["Name"] for column in columns]
            # The first row of a SELECT's answer repeats the names.
            found = found[1:] if found[:1] == [headers] else found
        rows += found
    return headers, rows


def with_views(settings: Settings, sql: str) -> str:
    """A query with the definitions of the views that it names."""
    bare = without_comments(sql).strip()
    # What is in quotes names no table.
    words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", bare)))
    named = [view for view in sorted(VIEWS.glob("*.sql")) if view.stem in words]
    if not named or not re.match(r"(?i)(select|with)\b", bare):
        return sql
    definitions = ",\n".join(f"{view.stem} as (\n{definition(settings, view)}\n)" for view in named)
    own = re.match(r"(?i)with\b", bare)
    return f"with {definitions}" + (f",{bare[own.end() :]}" if own else f"\n{bare}")


def definition(settings: Settings, view: Path) -> str:
    # Columns of lists are texts in the emulator's empty tables, and would be in the whole view.
    objects = aws.client(settings, "s3").list_objects_v2(
        Bucket=settings.warehouse, Prefix=f"compacted/{view.stem}/", MaxKeys=1
    )
    if objects["KeyCount"] == 0:
        return f"select * from archived_{view.stem}"
    return without_comments(view.read_text()).strip()


def without_comments(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))


def values(row: dict[str, Any]) -> list[str]:
    return [datum.get("VarCharValue", "") for datum in row["Data"]]
