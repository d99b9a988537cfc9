"""Starts and ends the emulator: ministack as a process of this machine, or LocalStack in Docker."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from typing import Any

from . import aws, process
from .console import Failure, say, wait_for
from .settings import DEFAULT_PORT, REGION, REPOSITORY, Settings

START_LIMIT_S = 60
DOCKER_START_LIMIT_S = 300
COMPOSE = REPOSITORY / "localstack" / "docker-compose.yml"


def start(settings: Settings) -> None:
    """Starts the emulator unless it runs already."""
    if is_running(settings):
        say(f"  already running at {settings.endpoint}")
        return
    stop(settings)
    refuse_taken_port(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    if settings.emulator == "localstack":
        start_localstack(settings)
    else:
        start_ministack(settings)
    say(f"  {settings.emulator} listens at {settings.endpoint}")


def stop(settings: Settings) -> bool:
    """Ends the emulator that this home started, and forgets all it held."""
    known = read_instance(settings)
    if known and known["emulator"] == "localstack":
        compose(settings, "down", "--volumes", "--remove-orphans")
    elif known and owns_group(known):
        process.end_group(known["pid"])
    for path in (settings.instance, settings.env_file):
        path.unlink(missing_ok=True)
    shutil.rmtree(settings.state, ignore_errors=True)
    return known is not None


def adopt_running(settings: Settings) -> Settings:
    """The settings with which the running emulator was started, where nobody asked for others."""
    known = read_instance(settings)
    if not known:
        return settings
    if settings.port_is_explicit and settings.port != known["port"] and is_alive(known):
        raise Failure(
            f"this local stack runs on port {known['port']}, not {settings.port}",
            "leave PORT out, or run 'make down' first",
        )
    stage = settings.stage if settings.stage_is_explicit else known["stage"]
    deployed = known.get("deployed", {})
    jobs, timeout_s = settings.jobs, settings.cart_timeout_s
    if "jobs" in deployed and not settings.jobs_are_explicit:
        jobs = tuple(deployed["jobs"])
    if "cart_timeout_s" in deployed and not settings.cart_timeout_is_explicit:
        timeout_s = deployed["cart_timeout_s"]
    return dataclasses.replace(
        settings,
        port=known["port"],
        emulator=known["emulator"],
        stage=stage,
        jobs=jobs,
        cart_timeout_s=timeout_s,
    )


def is_running(settings: Settings) -> bool:
    known = read_instance(settings)
    return bool(known and known["port"] == settings.port and is_alive(known) and answers(settings))


def require_running(settings: Settings) -> None:
    if not is_running(settings):
        raise Failure("the local stack is not running", "make up")


def is_alive(known: dict[str, Any]) -> bool:
    return known["emulator"] == "localstack" or process.identity(known["pid"]) == known["started"]


def owns_group(known: dict[str, Any]) -> bool:
    """Whether the group is ours: its leader is the process we started, or is gone and left it behind."""
    return process.identity(known["pid"]) in (known["started"], None)


def read_instance(settings: Settings) -> dict[str, Any] | None:
    try:
        return json.loads(settings.instance.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def note_deployed(settings: Settings) -> None:
    """Remembers what was chosen, for commands that choose nothing."""
    deployed = {"jobs": settings.jobs, "cart_timeout_s": settings.cart_timeout_s}
    record = {**(read_instance(settings) or {}), "deployed": deployed}
    settings.instance.write_text(json.dumps(record) + "\n")


def write_instance(settings: Settings, **details: Any) -> None:
    record = {"emulator": settings.emulator, "port": settings.port, "stage": settings.stage, **details}
    settings.instance.write_text(json.dumps(record) + "\n")


def answers(settings: Settings) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{settings.endpoint}/_localstack/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def refuse_taken_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", settings.port))
        except OSError as error:
            other = DEFAULT_PORT + 100 if settings.port == DEFAULT_PORT else DEFAULT_PORT
            raise Failure(
                f"port {settings.port} of 127.0.0.1 cannot be used: {error.strerror}",
                f"make up PORT={other}\n"
                f"or end what holds it; 'lsof -i :{settings.port}' or 'ss -ltnp' tells what that is",
            ) from error


def start_ministack(settings: Settings) -> None:
    temporary = settings.state / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    with open(settings.log, "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=ministack_environment(settings),
            cwd=settings.state,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own: ending it ends the functions' processes too, and Ctrl-C here does not.
            start_new_session=True,
        )
    write_instance(settings, pid=server.pid, started=process.identity(server.pid))

    def ready() -> bool:
        if server.poll() is not None:
            raise Failure(f"the emulator ended with exit code {server.returncode}", last_lines(settings))
        return answers(settings)

    try:
        wait_for("the emulator to answer", ready, START_LIMIT_S, f"see {settings.log}")
    except BaseException:
        stop(settings)
        raise


def ministack_environment(settings: Settings) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MINISTACK_", "LAMBDA_")) and name not in ("PYTHONPATH", "SERVICES")
    }
    state = str(settings.state)
    return {
        **inherited,
        # Functions inherit all of this; the endpoint is how they find their way back.
        **aws.environment(settings),
        "GATEWAY_PORT": str(settings.port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "0",
        "STATE_DIR": state,
        "S3_DATA_DIR": f"{state}/s3",
        "TMPDIR": f"{state}/tmp",
        "SFTP_ENABLED": "0",
        # It would tidy up containers of its own kind; this one starts none.
        "DOCKER_HOST": f"unix://{state}/no-docker.sock",
    }


def last_lines(settings: Settings) -> str:
    lines = settings.log.read_text(errors="replace").splitlines()[-12:]
    return "\n".join(["the end of its log tells why:", *lines])


def start_localstack(settings: Settings) -> None:
    if shutil.which("docker") is None:
        raise Failure(
            "EMULATOR=localstack needs Docker, and there is no docker command",
            "install Docker (https://docs.docker.com/get-docker), or run 'make up' without EMULATOR",
        )
    if subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        raise Failure("the Docker daemon does not answer", "start Docker, or run 'make up' without EMULATOR")
    write_instance(settings, pid=0, started=None)
    compose(settings, "up", "--detach")
    advice = f"docker compose --file {COMPOSE.relative_to(REPOSITORY)} logs"
    wait_for("LocalStack to answer", lambda: answers(settings), DOCKER_START_LIMIT_S, advice)


def compose(settings: Settings, *arguments: str) -> None:
    project = f"globalmart-{settings.stage}-{settings.port}"
    command = ["docker", "compose", "--file", str(COMPOSE), "--project-name", project, *arguments]
    environment = {**os.environ, "GLOBALMART_PORT": str(settings.port)}
    try:
        done = subprocess.run(command, env=environment)
    except FileNotFoundError as error:
        raise Failure("there is no docker command", "install Docker") from error
    if done.returncode != 0:
        raise Failure(f"'{' '.join(command)}' failed (its message is above)")
