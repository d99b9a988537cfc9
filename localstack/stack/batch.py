"""Runs the job batch until the warehouse is up to date."""

from __future__ import annotations

import datetime
import json
import time
from typing import Any

from . import aws
from .console import DIM, Failure, duration, paint, say
from .settings import Settings

# The longest that another run may take.
PATIENCE_S = aws.FUNCTION_LIMIT_S
PAUSE_S = 5


def batch(settings: Settings, first: str, last: str) -> int:
    if "batch" not in settings.jobs:
        raise Failure("the job batch is not deployed", f"make up JOBS={','.join((*settings.jobs, 'batch'))}")
    started = time.monotonic()
    request = {name: text for name, text in (("from", first), ("to", last)) if day(name, text)}
    if first and last and day("from", first) > day("to", last):
        raise Failure(f"FROM is {first}, after TO, which is {last}")
    objects = hours = 0
    days: set[str] = set()
    while True:
        report = invoke(settings, request)
        objects += report["new_objects"]
        hours += report["compacted"]["hours_written"]
        days |= set(report["published_days"])
        if report["outcome"] == "forestalled":
            if time.monotonic() - started > PATIENCE_S:
                raise Failure("another run was always faster", "make logs NAME=batch")
            say(paint(f"  another run is under way; trying again in {PAUSE_S} s", DIM))
            time.sleep(PAUSE_S)
            continue
        # What was asked for is noted by now; from here on only what is left is done.
        request = {}
        match report["outcome"]:
            case "published":
                break
            case "held_back":
                raise Failure("a gate is closed, and what it guards is as it was", objections(report))
            case "unfinished":
                left = f"{report['unseen_objects']} objects and {report['pending_days']} days to go"
                say(paint(f"  {len(days)} days published, {left}", DIM))
    for objection in report["objections"]:
        say(f"  {objection['of']}: {objection['why']}")
    took = duration(time.monotonic() - started)
    say(f"The warehouse is up to date: {objects} archive objects looked at, {days_of(days)} published, in {took}.")
    if hours:
        say(f"{hours} hours of the archive were compacted; the next run looks at what became of them.")
    return 0


def day(name: str, text: str) -> datetime.date | None:
    """A day as it is typed; none if nothing is."""
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Failure(f"{name.upper()} is {text!r}: it is a day such as 2026-11-24") from error


def days_of(days: set[str]) -> str:
    match sorted(days):
        case []:
            return "no day"
        case [day]:
            return f"the day {day}"
        case [first, *_, last]:
            return f"{len(days)} days between {first} and {last}"


def objections(report: dict[str, Any]) -> str:
    lines = [f"{objection['of']}: {objection['why']}" for objection in report["objections"]]
    return "\n".join([*lines, "make logs NAME=batch"])


def invoke(settings: Settings, request: dict[str, str]) -> dict[str, Any]:
    answer = aws.patient_client(settings, "lambda").invoke(
        FunctionName=settings.resource("batch"), Payload=json.dumps(request)
    )
    payload = json.loads(answer["Payload"].read() or "null")
    if "FunctionError" in answer:
        # The runtime puts what a request was refused for behind its place in the JSON.
        problem = str(payload.get("errorMessage", payload)).strip()
        raise Failure(f"the run failed: {problem}", "make logs NAME=batch")
    return payload
