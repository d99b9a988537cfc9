"""The command line of the local stack."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from . import aws, batch, build, demo, deploy, emulator, logs, query, status
from .console import Failure, report_failure, say
from .settings import Settings, read_settings


def main() -> int:
    arguments = parse()
    try:
        return run(arguments)
    except Failure as failure:
        report_failure(failure)
        return 1
    except (BotoCoreError, ClientError) as error:
        report_failure(Failure(f"the emulator did not do as asked: {error}", "make status; make logs NAME=emulator"))
        return 1
    except BrokenPipeError:
        # The reader has seen enough, as in `make logs | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="localstack/run",
        description="GlobalMart's local stack: an emulator of AWS with the stack of infra/template.yaml.",
        epilog="Environment: GLOBALMART_HOME (state folder, .local), GLOBALMART_PORT (4566), GLOBALMART_STAGE (local), "
        "EMULATOR (ministack or localstack), GLOBALMART_JOBS (sales,views,...; all), GLOBALMART_CART_TIMEOUT (30s).",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="only install the Python packages")
    up = commands.add_parser("up", help="build, start the emulator, deploy; harmless when all of it runs")
    up.add_argument("--no-build", action="store_true", help="deploy the programs as they are")
    commands.add_parser("down", help="end the emulator and remove its state")
    commands.add_parser("status", help="what runs, and how much is in it; exit 1 if it is down")
    tail = commands.add_parser("logs", help="what the functions logged")
    tail.add_argument("name", nargs="?", default="", help="a function, such as sales, or emulator; all functions if left out")
    tail.add_argument("--lines", type=int, default=100, help="how many of the latest (100)")
    tail.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    ask = commands.add_parser("query", help="run SQL in Athena")
    ask.add_argument("--sql", default="", help="the statement")
    ask.add_argument("--file", default="", help="a file that holds it")
    warehouse = commands.add_parser("batch", help="bring the star schema and the analytical tables up to date")
    warehouse.add_argument("--from", dest="first", default="", help="the first day to make again, such as 2026-11-01")
    warehouse.add_argument("--to", dest="last", default="", help="the last one")
    commands.add_parser("env", help="print the variables that point a shell to the local stack")
    tour = commands.add_parser("demo", help="set up, send traffic, verify, query")
    tour.add_argument("--rate", default="500", help="events a second (500)")
    tour.add_argument("--duration", default="60s", help="how long to send them (60s)")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> int:
    wanted = read_settings()
    settings = emulator.adopt_running(wanted)
    match arguments.command:
        case "up":
            up(settings, wanted, not arguments.no_build)
            return 0
        case "down":
            return down(settings)
        case "status":
            return status.status(settings)
        case "demo":
            return demo.demo(settings, arguments.rate, arguments.duration, lambda: up(settings, wanted, True))
        case "logs" if arguments.name == "emulator":
            return logs.logs(settings, arguments.name, arguments.lines, arguments.follow)
    emulator.require_running(settings)
    match arguments.command:
        case "logs":
            return logs.logs(settings, arguments.name, arguments.lines, arguments.follow)
        case "batch":
            return batch.batch(settings, arguments.first, arguments.last)
        case "query":
            return query.query(settings, arguments.sql, arguments.file)
        case _:
            sys.stdout.write(settings.env_file.read_text())
            return 0


def up(settings: Settings, wanted: Settings, with_build: bool) -> Settings:
    if not emulator.is_running(settings):
        # What ran before has ended; its port and kind bind nobody.
        settings = wanted
    with locked(settings):
        if with_build:
            say("Build")
            build.build(settings)
        packages = build.packages(settings)
        say("Emulator")
        emulator.start(settings)
        say("Deploy")
        deploy.deploy(settings, packages)
        emulator.note_deployed(settings)
        aws.write_environment(settings)
    say(f"Up: {settings.endpoint}, stage {settings.stage}. 'make status' shows it, 'make down' removes it.")
    if names := aws.outdated(settings):
        say(f"This shell has {' and '.join(names)} from an earlier 'make up': source {settings.env_file} again.")
    return settings


def down(settings: Settings) -> int:
    if not settings.home.exists():
        say("nothing to remove")
        return 0
    with locked(settings):
        say("removed" if emulator.stop(settings) else "nothing was running")
        settings.log.unlink(missing_ok=True)
    return 0


@contextlib.contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """One change at a time; a second one waits for the first."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with open(settings.home / "stack.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another command on this local stack to finish ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
