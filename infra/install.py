"""Installs a lock file into .venv, unless just that has been installed already. Needs Python and its venv, no more.

python3 infra/install.py requirements.lock
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def main(lock: Path) -> None:
    if sys.version_info < OLDEST:
        sys.exit("Conclave needs Python 3.11 or newer: name one with PYTHON=, like make up PYTHON=python3.12.")
    wanted, stamp = fingerprint(lock), VENV / f"{lock.name}.installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing {lock.name} into .venv", flush=True)
    make_environment()
    pip("install", "--require-hashes", "-r", str(lock))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))  # the command `conclave`
    stamp.write_text(wanted)


def fingerprint(lock: Path) -> str:
    """What an installation depends on: the lock, the Python that runs it, and where we are."""
    parts = (lock.read_bytes(), sys.version.encode(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_environment() -> None:
    if (VENV / "bin" / "pip").exists():
        return
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode:
        sys.exit(
            "Python cannot make a virtual environment: install its venv module (Debian: apt-get install python3-venv)."
        )


def pip(*arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    if subprocess.run([str(VENV / "bin" / "python"), "-m", "pip", *quiet, *arguments], check=False).returncode:
        sys.exit("The packages could not be installed; the lines above say why.")


if __name__ == "__main__":
    main(ROOT / sys.argv[1])
