"""Installs a lock file into .venv, unless just that has been installed already. Needs Python and its venv, no more.

python3 infra/install.py requirements.lock
python3 infra/install.py requirements-bench.lock    into .venv-bench, without Conclave
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = "requirements-bench.lock"  # what generates load bears no company
OLDEST = (3, 11)


def main(lock: Path) -> None:
    if sys.version_info < OLDEST:
        sys.exit("Conclave needs Python 3.11 or newer: name one with PYTHON=, like make up PYTHON=python3.12.")
    venv = ROOT / (".venv-bench" if lock.name == BENCH else ".venv")
    wanted, stamp = fingerprint(lock), venv / f"{lock.name}.installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing {lock.name} into {venv.name}", flush=True)
    make_environment(venv)
    pip(venv, "install", "--require-hashes", "-r", str(lock))
    if lock.name != BENCH:
        pip(venv, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))  # the command `conclave`
    stamp.write_text(wanted)


def fingerprint(lock: Path) -> str:
    """What an installation depends on: the lock, the Python that runs it, and where we are."""
    parts = (lock.read_bytes(), sys.version.encode(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_environment(venv: Path) -> None:
    if (venv / "bin" / "pip").exists():
        return
    if subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False).returncode:
        sys.exit(
            "Python cannot make a virtual environment: install its venv module (Debian: apt-get install python3-venv)."
        )


def pip(venv: Path, *arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    if subprocess.run([str(venv / "bin" / "python"), "-m", "pip", *quiet, *arguments], check=False).returncode:
        sys.exit("The packages could not be installed; the lines above say why.")


if __name__ == "__main__":
    main(ROOT / sys.argv[1])
