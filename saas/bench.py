"""`conclave bench NAME`: a measurement, against the server that `--url` names or else one of its own.

`conclave bench fanout` and `conclave bench SCENARIO` start installations of their own in any case: they compare.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks import scenario
from infra.place import CannotStart
from saas import env
from saas.own_server import Own, server_of_its_own

BENCHMARKS = ("signup", "fanout", "notices")  # modules of benchmarks, each with a main(arguments) → the exit code
REPORTS = ("compare", "report", "table")  # modules that read what was measured, and start nothing
ROOT = Path(__file__).resolve().parent.parent


def bench(arguments: Sequence[str]) -> int:
    name, options = arguments[0] if arguments else "", list(arguments[1:])
    if name in REPORTS:
        return _measure(name, options)
    if name in scenario.names() or name.endswith(".toml"):
        return _compare_layers(name, options)
    if name not in BENCHMARKS:
        known = (*BENCHMARKS, *scenario.names(), *REPORTS)
        env.refuse(f"There is no such measurement; choose one of: {', '.join(known)}.")
    if name == "fanout":
        return _compare_with_peers(options)
    if any(option.startswith(("--url", "--help", "-h")) for option in options):
        return _measure(name, options)
    with server_of_its_own(DEMO="0") as own:
        os.environ["DATABASE_URL"] = own.database_url
        return _measure(name, [*options, *(_processes(own) if name == "notices" else ()), "--url", own.url])


def _processes(own: Own) -> list[str]:
    from saas.machine import postmaster, servers

    named = [f"database={postmaster(own.database_url)}", *(f"server={pid}" for pid in servers(own.pid))]
    return ["--processes", ",".join(named)]


def _measure(name: str, options: list[str]) -> int:
    return int(import_module(f"benchmarks.{name}").main(options))


def _compare_with_peers(options: list[str]) -> int:
    from benchmarks import fanout
    from saas.machine import Machine

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # however it is ended, it ends what it started
        signal.signal(number, signal.default_int_handler)
    return fanout.main(options, Machine())


def _compare_layers(name: str, options: list[str]) -> int:
    from benchmarks import rounds
    from realtime.layers import LAYERS
    from saas import stack
    from saas.server import SERVERS

    return rounds.main([name, *options], stack.started, generators_installed, tuple(LAYERS), SERVERS)


def generators_installed() -> None:
    """In their own environment, the first time."""
    command = [sys.executable, str(ROOT / "infra" / "install.py"), "requirements-bench.lock"]
    if subprocess.run(command, check=False).returncode:
        raise CannotStart("The generators could not be installed; the lines above say why.")
