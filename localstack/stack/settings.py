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
REGION = "us-east-1"
# The emulators' account for clients whose access key is not an account id.
ACCOUNT = "000000000000"
FUNCTIONS = ("sales", "archive")
STREAMS = ("product-views", "cart-events", "transactions")
TABLES = ("metrics", "marks")


@dataclass(frozen=True)
class Settings:
    """One local stack; several run side by side, each with a home and a port of its own."""

    home: Path
    port: int
    port_is_explicit: bool
    stage: str
    stage_is_explicit: bool
    emulator: str

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


def read_settings() -> Settings:
    home = Path(os.environ.get("GLOBALMART_HOME") or REPOSITORY / ".local")
    port = os.environ.get("GLOBALMART_PORT", "")
    stage = os.environ.get("GLOBALMART_STAGE", "")
    emulator = os.environ.get("EMULATOR") or "ministack"
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise Failure(f"GLOBALMART_PORT is {port!r}, not a port number")
    if stage and not re.fullmatch(r"[a-z][a-z0-9]{0,15}", stage):
        raise Failure(f"GLOBALMART_STAGE is {stage!r}; a stage has 1 to 16 lower-case letters and digits")
    if emulator not in ("ministack", "localstack"):
        raise Failure(f"EMULATOR is {emulator!r}; it is ministack (the default) or localstack")
    return Settings(
        home=(REPOSITORY / home).resolve(),
        port=int(port or DEFAULT_PORT),
        port_is_explicit=bool(port),
        stage=stage or "local",
        stage_is_explicit=bool(stage),
        emulator=emulator,
    )


def architecture() -> str:
    """This machine's processor, as AWS Lambda calls it."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
