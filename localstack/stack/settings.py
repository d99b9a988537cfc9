"""Where things are and what they are called, read once from the environment."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from .console import Failure

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 4566
# Half a minute instead of half an hour, so that a short run sees carts left behind.
CART_TIMEOUT_S = 30
REGION = "us-east-1"
# The emulators' account for clients whose access key is not an account id.
ACCOUNT = "000000000000"
# The jobs that a deployment may leave out, each a function.
JOBS = ("sales", "views", "carts", "anomalies", "inventory", "archive", "batch")
FUNCTIONS = (*JOBS, "alerts")
# Whoever tells of conditions needs somebody to publish them.
TELLING = ("carts", "anomalies", "inventory", "batch")
STREAMS = ("product-views", "cart-events", "transactions")
TABLES = ("metrics", "marks", "alerts")


@dataclass(frozen=True)
class Settings:
    """One local stack; several run side by side, each with a home and a port of its own."""

    home: Path
    port: int
    port_is_explicit: bool
    stage: str
    stage_is_explicit: bool
    emulator: str
    jobs: tuple[str, ...]
    jobs_are_explicit: bool
    cart_timeout_s: int
    cart_timeout_is_explicit: bool

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions of the jobs that are wanted."""
        tells = any(job in TELLING for job in self.jobs)
        return (*self.jobs, *(["alerts"] if tells else []))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        return f"globalmart_{self.stage}"

    @property
    def analytics(self) -> bool:
        """Whether the emulator has Athena and Glue; LocalStack sells them."""
        return self.emulator == "ministack"

    @property
    def warehouse(self) -> str:
        return self.resource(f"warehouse-{ACCOUNT}")

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def log(self) -> Path:
        return self.home / "ministack.log"

    @property
    def instance(self) -> Path:
        return self.home / "emulator.json"

    @property
    def env_file(self) -> Path:
        return self.home / "env"

    def resource(self, name: str) -> str:
        return f"globalmart-{self.stage}-{name}"


def mark(home: Path, name: str, value: str) -> tuple[str, str]:
    """A variable beside another one that says that a shell has that one's value from the home's env file."""
    return f"{name}_SOURCED", f"{home}:{value}"


def wish(home: Path, name: str) -> str:
    """A variable's value, unless the shell has it from the home's env file: that is told to loadgen, and asks for nothing."""
    value = os.environ.get(name, "")
    marked, by = mark(home, name, value)
    return "" if os.environ.get(marked) == by else value


def read_settings() -> Settings:
    home = (REPOSITORY / (os.environ.get("GLOBALMART_HOME") or ".local")).resolve()
    port = os.environ.get("GLOBALMART_PORT", "")
    stage = os.environ.get("GLOBALMART_STAGE", "")
    emulator = os.environ.get("EMULATOR") or "ministack"
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise Failure(f"GLOBALMART_PORT is {port!r}, not a port number")
    if stage and not re.fullmatch(r"[a-z][a-z0-9]{0,15}", stage):
        raise Failure(f"GLOBALMART_STAGE is {stage!r}; a stage has 1 to 16 lower-case letters and digits")
    wanted = wish(home, "GLOBALMART_JOBS")
    jobs = tuple(name.strip() for name in (wanted or ",".join(JOBS)).split(","))
    if unknown := [name for name in jobs if name not in JOBS]:
        raise Failure(f"JOBS names {unknown[0]!r}; jobs are {', '.join(JOBS)}, with commas between them")
    wanted_timeout = wish(home, "GLOBALMART_CART_TIMEOUT")
    timeout = wanted_timeout or f"{CART_TIMEOUT_S}s"
    if not re.fullmatch(r"[1-9][0-9]{0,4}s", timeout):
        raise Failure(f"GLOBALMART_CART_TIMEOUT is {timeout!r}; it is a number of seconds such as 30s")
    if emulator not in ("ministack", "localstack"):
        raise Failure(f"EMULATOR is {emulator!r}; it is ministack (the default) or localstack")
    return Settings(
        home=home,
        port=int(port or DEFAULT_PORT),
        port_is_explicit=bool(port),
        stage=stage or "local",
        stage_is_explicit=bool(stage),
        emulator=emulator,
        jobs=tuple(job for job in JOBS if job in jobs),
        jobs_are_explicit=bool(wanted),
        cart_timeout_s=int(timeout[:-1]),
        cart_timeout_is_explicit=bool(wanted_timeout),
    )


def architecture() -> str:
    """This machine's processor, as AWS Lambda calls it."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
