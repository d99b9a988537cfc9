"""Runs the job batch until the warehouse is up to date."""

from __future__ import annotations

import json
import time
from typing import Any

from . import aws
from .console import DIM, Failure, duration, paint, say
from .settings import Settings

# Another run may be faster, each time one has begun.
MAX_FORESTALLED = 5


def batch(settings: Settings, first: str, last: str) -> int:
    if "batch" not in settings.jobs:
        raise Failure("the job batch is not deployed", f"make up JOBS={','.join((*settings.jobs, 'batch'))}")
    started = time.monotonic()
    request = {name: day for name, day in (("from", first), ("to", last)) if day}
    objects = forestalled = 0
    days: set[str] = set()
    while True:
        report = invoke(settings, request)
        if report["outcome"] != "forestalled":
            # What was asked for is noted by now; from here on only what is left is done.
            request = {}
        objects += report["new_objects"]
        days |= set(report["published_days"])
        match report["outcome"]:
            case "published":
                for objection in report["objections"]:
                    say(f"  {objection['of']}: {objection['why']}")
                break
            case "held_back":
                raise Failure("a gate is closed, and what it guards is as it was", objections(report))
            case "forestalled":
                forestalled += 1
                if forestalled == MAX_FORESTALLED:
                    raise Failure("another run is always faster", "make logs NAME=batch")
            case "unfinished":
                left = f"{report['unseen_objects']} objects and {report['pending_days']} days to go"
                say(paint(f"  {len(days)} days published, {left}", DIM))
    took = duration(time.monotonic() - started)
    say(f"The warehouse is up to date: {objects} new archive objects, {days_of(days)} published, in {took}.")
    return 0


def days_of(days: set[str]) -> str:
    match sorted(days):
        case []:
            return "no day"
        case [day]:
            return f"the day {day}"
        case [first, *_, last]:
            return f"{len(days)} days from {first} to {last}"


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
