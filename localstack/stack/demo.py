"""The tour: set-up, a minute of traffic, the proof that all of it arrived, and a look at it."""

from __future__ import annotations

import datetime
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import aws, batch, build, query, status
from .console import BOLD, DIM, GREEN, Failure, duration, paint, say
from .settings import REPOSITORY, Settings

# Two of the sweeps that run each minute, and some time for each.
SWEEPS_S = 150
HISTORY_DAYS = 63
HISTORY_ORDERS = "8000"
SHOWN_QUERIES = ("infra/athena/revenue_by_country.sql", "infra/athena/top_segments.sql")


def demo(settings: Settings, rate: str, run_duration: str, up: Callable[[], Settings]) -> int:
    started = time.monotonic()
    banner(1, "Set up: build the functions, start the emulator, deploy the stack")
    settings = up()
    stage = ["--stage", settings.stage]
    untouched = status.count_items(settings, "metrics") == 0
    ledger, all_ledgers = new_ledger(settings)
    loadgen(settings, "catalog", *stage)
    banner(2, f"Send {rate} events a second for {run_duration} through Kinesis")
    measured = ["--rate", rate, "--duration", run_duration, "--measure-freshness", "--ledger", str(ledger)]
    loadgen(settings, "run", *stage, *measured)
    banner(3, "Verify: what was sent, what every job counts, what the archive holds")
    if "carts" in settings.jobs:
        say(f"A cart is abandoned after {settings.cart_timeout_s} s here, and a sweep finds it within a minute: that is waited for.")
    named = [part for path in all_ledgers for part in ("--ledger", str(path))]
    # The stock is that of everything ever sold here, so it can only be compared if this is all of it.
    all_runs = ["--all-runs"] if untouched else []
    if set(settings.jobs) - {"batch"}:
        loadgen(settings, "verify", *stage, *named, *all_runs, "--wait", f"{settings.cart_timeout_s + SWEEPS_S}s")
    else:
        say("skipped: no job counts events or stores them")
    banner(4, "The warehouse: star schema, segments, trends of nine more weeks, and that they add up to what was sent")
    if {"archive", "batch"} <= set(settings.jobs):
        if untouched:
            write_history(settings, stage)
        batch.batch(settings, "", "")
        loadgen(settings, "verify", *stage, *named, "--jobs", "batch", "--warehouse")
    else:
        say("skipped: it takes the jobs archive and batch")
    banner(5, "What every job says of the last minutes, from DynamoDB and the sweeps' state")
    if set(settings.jobs) - {"archive"}:
        loadgen(settings, "watch", *stage, "--once", "--last", "5m")
    else:
        say("skipped: the job archive has no panel")
    banner(6, "Revenue by country, and what kinds of customers there are, by SQL")
    if settings.analytics:
        for shown in SHOWN_QUERIES:
            say(paint(f"make query FILE={shown}", DIM))
            query.query(settings, "", str(REPOSITORY / shown))
    else:
        say("skipped: LocalStack has Athena only in its paid editions")
    banner(7, "Where to go from here")
    next_steps(settings)
    took = duration(time.monotonic() - started)
    say(f"\n{paint('Done', GREEN)} in {took}. The stack stays up; 'make down' removes all of it.")
    return 0


def write_history(settings: Settings, stage: list[str]) -> None:
    """Some weeks up to today, so that customers differ in when and how often they bought."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    days = ["--from", str(today - datetime.timedelta(days=HISTORY_DAYS)), "--to", str(today)]
    loadgen(settings, "backfill", *stage, *days, "--orders", HISTORY_ORDERS)


def new_ledger(settings: Settings) -> tuple[Path, list[Path]]:
    """Where this run's ledger goes, and all since the stack came up: runs may share a minute, and minutes are compared whole."""
    folder = settings.state / "ledgers"
    folder.mkdir(parents=True, exist_ok=True)
    earlier = sorted(folder.glob("demo-*.json"))
    ledger = folder / f"demo-{len(earlier) + 1:03}.json"
    return ledger, [*earlier, ledger]


def banner(step: int, what: str) -> None:
    say(f"\n{paint(f'[{step}/7] {what}', BOLD)}")


def loadgen(settings: Settings, command: str, *arguments: str) -> None:
    program = build.target_directory() / "debug" / "loadgen"
    environment = {**os.environ, **aws.environment(settings)}
    done = subprocess.run([str(program), command, *arguments], env=environment, cwd=REPOSITORY)
    if done.returncode != 0:
        raise Failure(
            f"the demo ended at 'loadgen {command}', which exited with {done.returncode}",
            "make status, make logs; the stack is still up",
        )


def next_steps(settings: Settings) -> None:
    program = shown(build.target_directory() / "debug" / "loadgen")
    steps = [
        ("make status", "what runs, and how much is in it"),
        ("make query FILE=infra/athena/top_categories.sql", "another question to the warehouse"),
        ("make query SQL='select count(*) from transactions'", "or one of your own"),
        ("make batch", "bring the star schema and the analytical tables up to date"),
        ("make logs NAME=sales", "what a function logged"),
        (f"source {shown(settings.env_file)}", "point this shell to the stack, then:"),
        (f"{program} run --stage {settings.stage} --rate 1000 --duration 30s", "more traffic"),
        (f"{program} watch --stage {settings.stage}", "what every job says, live"),
        ("make up JOBS=sales,anomalies", "only some of the jobs"),
        ("make down", "remove all of it"),
    ]
    width = max(len(command) for command, _ in steps)
    for command, purpose in steps:
        say(f"  {command.ljust(width)}  {paint(purpose, DIM)}")


def shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
