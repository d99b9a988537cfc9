"""What a person reads: steps, waits, tables and failures."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

GREEN, RED, DIM, BOLD = "32", "31", "2", "1"


class Failure(Exception):
    """Something a person can mend: what went wrong, and what to do about it."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    on_terminal = (stream or sys.stdout).isatty() and "NO_COLOR" not in os.environ
    return f"\033[{colour}m{text}\033[0m" if on_terminal else text


def say(text: str = "") -> None:
    print(text, flush=True)


def report_failure(failure: Failure) -> None:
    print(f"{paint('error:', RED, sys.stderr)} {failure.problem}", file=sys.stderr)
    for number, line in enumerate(failure.fix.splitlines()):
        print(f"{'  fix: ' if number == 0 else '       '}{line}", file=sys.stderr)


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def wait_for(what: str, ready: Callable[[], bool], limit_s: float, advice: str = "") -> None:
    """Polls `ready` until it holds; says what it waits for, and gives up after `limit_s`."""
    started = time.monotonic()
    next_line = started + 5
    while not ready():
        waited = time.monotonic() - started
        if waited > limit_s:
            raise Failure(f"gave up waiting for {what} after {duration(waited)}", advice)
        if time.monotonic() >= next_line:
            say(paint(f"  waiting for {what} ({waited:.0f} of at most {limit_s:.0f} s)", DIM))
            next_line += 10
        time.sleep(0.2)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns; those that hold nothing but numbers are aligned to the right."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    columns = range(len(headers))
    widths = [max([len(headers[i]), *(len(row[i]) for row in cells)]) for i in columns]
    numeric = [bool(cells) and all(is_number(row[i]) for row in cells) for i in columns]

    def line(row: Sequence[str]) -> str:
        parts = [row[i].rjust(widths[i]) if numeric[i] else row[i].ljust(widths[i]) for i in columns]
        return "  ".join(parts).rstrip()

    return "\n".join([line(headers), "  ".join("-" * width for width in widths), *map(line, cells)])


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == ""
    return True
