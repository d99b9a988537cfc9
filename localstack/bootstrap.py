"""Makes the virtual environment that the local stack runs in, then hands over to it.

Runs on the system's Python, so only the standard library may be imported here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
VENV = HERE.parent / ".local" / "venv"
MARKER = VENV / ".complete"


def main() -> None:
    arguments = sys.argv[1:]
    python = ensure_venv()
    if arguments == ["setup"]:
        return
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(python, [str(python), "-m", "stack", *arguments], environment)


def ensure_venv() -> Path:
    python = VENV / "bin" / "python"
    wanted = fingerprint()
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with open(VENV.parent / "venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (python.exists() and MARKER.exists() and MARKER.read_text() == wanted):
            make_venv(python)
            MARKER.write_text(wanted)
    return python


def fingerprint() -> str:
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{version} {hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()}"


def make_venv(python: Path) -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit(
            f"error: {sys.executable} has no venv module\n"
            "  fix: apt-get install python3-venv   (Debian, Ubuntu)"
        )
    message = "Installing the local stack's Python packages into .local/venv (once, about a minute) ..."
    print(message, file=sys.stderr, flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    install = [
        str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--require-hashes", "--only-binary", ":all:", "--requirement", str(REQUIREMENTS),
    ]
    if subprocess.run(install).returncode != 0:
        sys.exit(
            "error: pip could not install localstack/requirements.txt (its message is above)\n"
            "  fix: check the connection to PyPI, then run the same command again"
        )


if __name__ == "__main__":
    main()
