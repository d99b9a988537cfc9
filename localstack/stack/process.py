"""Processes told apart by more than their number, which the system uses again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()


def identity(pid: int) -> str | None:
    """When the process started, as the system writes it; None if there is no such process."""
    if HAS_PROC:
        fields = stat_fields(PROC / str(pid) / "stat")
        return None if fields is None or fields[0] == "Z" else fields[19]
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return answer.stdout.strip() or None


def end_group(leader: int, limit_s: float = 10) -> None:
    """Ends a process group: asks first, then insists."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(leader, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + limit_s
        while group_exists(leader) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not group_exists(leader):
            return


def group_exists(leader: int) -> bool:
    if HAS_PROC:
        # Zombies do not count: in a container without an init nobody buries them.
        everyone = map(stat_fields, PROC.glob("[0-9]*/stat"))
        return any(f is not None and f[0] != "Z" and int(f[2]) == leader for f in everyone)
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def stat_fields(path: Path) -> list[str] | None:
    """What follows the command's name, which may hold blanks: state, parent, group, ..."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
