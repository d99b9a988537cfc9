"""Clients of the emulator: never of AWS, whatever the environment holds."""

from __future__ import annotations

import os
import shlex
from typing import Any

import boto3
from botocore.config import Config

from .settings import REGION, Settings, mark, wish

# No proxy stands between this machine and itself.
CONFIG = Config(proxies={}, retries={"mode": "standard", "max_attempts": 3}, s3={"addressing_style": "path"})
# No function runs for longer.
FUNCTION_LIMIT_S = 900
# What loadgen has to know of a deployment. The stack's own commands take these, too, where they are given anew.
OF_DEPLOYMENT = ("GLOBALMART_JOBS", "GLOBALMART_CART_TIMEOUT")


# A person's own profiles and endpoints must not reach in here; AWS_LC_ is about building a crate.
for name in [name for name in os.environ if name.startswith("AWS_") and not name.startswith("AWS_LC_")]:
    del os.environ[name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


def client(settings: Settings, service: str, config: Config = CONFIG) -> Any:
    session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(service, endpoint_url=settings.endpoint, config=config)


def patient_client(settings: Settings, service: str) -> Any:
    """One that waits for as long as a function may take, and asks once."""
    return client(settings, service, CONFIG.merge(Config(read_timeout=FUNCTION_LIMIT_S, retries={"total_max_attempts": 1})))


def environment(settings: Settings) -> dict[str, str]:
    """What a program needs to reach the emulator, past any proxy."""
    directly = "127.0.0.1,localhost"
    return {
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "GLOBALMART_JOBS": ",".join(settings.jobs),
        "GLOBALMART_CART_TIMEOUT": f"{settings.cart_timeout_s}s",
        "NO_PROXY": directly,
        "no_proxy": directly,
    }


def write_environment(settings: Settings) -> None:
    variables = environment(settings)
    marks = dict(mark(settings.home, name, variables[name]) for name in OF_DEPLOYMENT)
    lines = [
        "# Points the AWS SDKs and CLI of this shell to the local stack: source this file.",
        "unset AWS_PROFILE AWS_SESSION_TOKEN",
        *(f"export {name}={shlex.quote(value)}" for name, value in {**variables, **marks}.items()),
    ]
    settings.env_file.write_text("\n".join(lines) + "\n")


def outdated(settings: Settings) -> list[str]:
    """Variables that this shell has from the env file, and that the env file says otherwise by now."""
    variables = environment(settings)
    sourced = [name for name in OF_DEPLOYMENT if os.environ.get(name) and not wish(settings.home, name)]
    return [name for name in sourced if os.environ[name] != variables[name]]
