"""The judge's process: built from judge.c where there is a C compiler, else judge_in_python.py, which costs more."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.circumstances import ROOT
from benchmarks.fanout.plan import Plan

HERE = Path(__file__).parent
ENDING_TAKES_AT_MOST = 10.0  # seconds

Told = dict[str, Any]


class Failed(Exception):
    """This run came to nothing. One sentence."""


class Judge:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def connect(self, count: int, at_once: int = 16) -> float:
        """Seconds that it took."""
        return float(self._ask(f"connect {count} {at_once}")["seconds"])

    def settle(self) -> None:
        self._ask("settle")

    def measure(self, order: str, look: Callable[[], None]) -> Told:
        """`look` is called when what is measured begins, and when it ends."""
        return self._ask(order, look)

    def _ask(self, order: str, look: Callable[[], None] = lambda: None) -> Told:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(f"{order}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words are still to be read
        for line in self._process.stdout:
            told: Told = json.loads(line)
            if "failed" in told:
                raise Failed(told["failed"])
            if "at" not in told:
                return told
            look()
        raise Failed("the judge has ended without a word")


@contextmanager
def judging(plan: Plan, core: int | None) -> Iterator[Judge]:
    with TemporaryDirectory(prefix="conclave-judge-") as folder:
        file = Path(folder, "plan")
        file.write_bytes(plan.encoded())
        command = [*language()[1], str(file), *([] if core is None else [str(core)])]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            yield Judge(process)
        finally:
            _end(process)


def language() -> tuple[str, list[str]]:
    """What the judge is written in here, and the command that starts it."""
    found = compiler()
    if found is None:
        return "Python", [sys.executable, "-m", "benchmarks.fanout.judge_in_python"]
    return "C", [str(_built(found))]


def compiler() -> str | None:
    return shutil.which(os.environ.get("CC", "cc"))


def cache() -> Path:
    """A folder for what is built or fetched once."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "conclave", "fanout")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _built(compiler: str) -> Path:
    source = HERE / "judge.c"
    program = cache() / f"judge-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not program.exists():
        unfinished = program.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O2", "-o", unfinished, source], check=True)
        unfinished.rename(program)
    return program


def _end(process: "subprocess.Popen[str]") -> None:
    """It ends when there is nobody left to give orders."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.close()
        process.wait(ENDING_TAKES_AT_MOST)
    except (BrokenPipeError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
    finally:
        process.stdout.close()
