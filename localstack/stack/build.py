"""Builds the functions and packs them for the emulator."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .console import Failure
from .settings import REPOSITORY, Settings, architecture


@dataclass(frozen=True)
class Package:
    """A function's code, and a name that changes with it."""

    function: str
    source: Path
    digest: str

    @property
    def key(self) -> str:
        return f"{self.function}/{self.digest}.zip"

    def zipped(self) -> bytes:
        if self.source.suffix == ".zip":
            return self.source.read_bytes()
        entry = zipfile.ZipInfo("bootstrap", date_time=(2000, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100755 << 16
        # Stored, not compressed: it only travels within this machine.
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
            file.writestr(entry, self.source.read_bytes())
        return archive.getvalue()


def target_directory() -> Path:
    return REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target")


def profile() -> str:
    """The build profile of the emulator's functions, by the folder that cargo gives it."""
    wanted = os.environ.get("GLOBALMART_PROFILE") or "debug"
    if wanted not in ("debug", "release"):
        raise Failure(f"GLOBALMART_PROFILE is {wanted!r}; it is debug (the default) or release")
    return wanted


def build(settings: Settings) -> None:
    require_tools()
    if settings.emulator == "localstack":
        # Its functions run on Amazon Linux, whose C library is older than most machines'.
        if shutil.which("cargo-lambda") is None:
            raise Failure("EMULATOR=localstack needs cargo-lambda", "pip install cargo-lambda ziglang")
        packages = [part for function in settings.functions for part in ("--package", function)]
        processor = "--arm64" if architecture() == "arm64" else "--x86-64"
        run_cargo(["lambda", "build", processor, "--output-format", "zip", *packages])
    else:
        # The whole workspace at once, as the tests build it: features unify and nothing is compiled twice.
        run_cargo(["build", "--workspace", "--bins", *(["--release"] if profile() == "release" else [])])


def run_cargo(arguments: list[str]) -> None:
    if subprocess.run(["cargo", *arguments], cwd=REPOSITORY).returncode != 0:
        raise Failure(f"'cargo {' '.join(arguments)}' failed (its message is above)")


def require_tools() -> None:
    if shutil.which("cargo") is None:
        raise Failure("there is no cargo command", "install Rust 1.95 or newer: https://rustup.rs")
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        raise Failure(
            "there is no C compiler, which some crates need",
            "apt-get install gcc libc6-dev make   (Debian, Ubuntu)\nxcode-select --install   (macOS)",
        )


def packages(settings: Settings) -> list[Package]:
    return [package(settings, function) for function in settings.functions]


def package(settings: Settings, function: str) -> Package:
    if settings.emulator == "localstack":
        source = target_directory() / "lambda" / function / "bootstrap.zip"
    else:
        source = target_directory() / profile() / function
    try:
        with open(source, "rb") as file:
            digest = file_digest(file)
    except FileNotFoundError as error:
        raise Failure(f"{source} has not been built", "run the same command without --no-build") from error
    return Package(function, source, digest)


def file_digest(file: io.BufferedReader) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
