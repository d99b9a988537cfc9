"""The functions' logs, and the emulator's."""

from __future__ import annotations

import datetime
import subprocess
import time
from typing import Any

from botocore.exceptions import ClientError

from . import aws
from .console import DIM, Failure, paint, say
from .settings import FUNCTIONS, Settings

LOOK_BACK_MS = 15 * 60 * 1000
FOLLOW_EVERY_S = 1.0


def logs(settings: Settings, name: str, lines: int, follow: bool) -> int:
    if name == "emulator":
        return emulator_log(settings, lines, follow)
    if name and name not in FUNCTIONS:
        raise Failure(f"no function is called {name!r}", f"NAME is one of {', '.join((*FUNCTIONS, 'emulator'))}")
    functions = [name] if name else list(FUNCTIONS)
    since = int(time.time() * 1000) - LOOK_BACK_MS
    shown: set[str] = set()
    events = fetch(settings, functions, since)[-lines:]
    while True:
        for event in events:
            show(event)
        if not follow:
            break
        shown.update(event["eventId"] for event in events)
        if events:
            # Some overlap: events of one moment may arrive in two answers.
            since = max(event["timestamp"] for event in events) - 2000
        time.sleep(FOLLOW_EVERY_S)
        events = [event for event in fetch(settings, functions, since) if event["eventId"] not in shown]
    if not events:
        say("no function has logged anything in the last 15 minutes")
    return 0


def fetch(settings: Settings, functions: list[str], since: int) -> list[dict[str, Any]]:
    pages = aws.client(settings, "logs").get_paginator("filter_log_events")
    events = []
    for function in functions:
        group = f"/aws/lambda/{settings.resource(function)}"
        try:
            for page in pages.paginate(logGroupName=group, startTime=since):
                events += [{**event, "function": function} for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
    return sorted(events, key=lambda event: event["timestamp"])


def show(event: dict[str, Any]) -> None:
    moment = datetime.datetime.fromtimestamp(event["timestamp"] / 1000).strftime("%H:%M:%S")
    origin = paint(f"{moment} {event['function']:<8}", DIM)
    for line in event["message"].rstrip().splitlines():
        say(f"{origin} {line}")


def emulator_log(settings: Settings, lines: int, follow: bool) -> int:
    if not settings.log.exists():
        raise Failure(f"there is no {settings.log}", "make up")
    return subprocess.run(["tail", "-n", str(lines), *(["-f"] if follow else []), str(settings.log)]).returncode
