"""`conclave bench NAME`: a measurement, against the server that `--url` names or else one of its own."""

import os
from collections.abc import Sequence
from importlib import import_module

from saas import env
from saas.own_server import server_of_its_own

BENCHMARKS = ("signup", "notices")  # modules of benchmarks, each with a main(arguments) that returns the exit code


def bench(arguments: Sequence[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in BENCHMARKS:
        env.refuse(f"There is no such measurement; choose one of: {', '.join(BENCHMARKS)}.")
    options = list(arguments[1:])
    if any(option.startswith(("--url", "--help", "-h")) for option in options):
        return _measure(name, options)
    with server_of_its_own(DEMO="0") as own:
        os.environ["DATABASE_URL"] = own.database_url
        return _measure(name, [*options, "--url", own.url])


def _measure(name: str, options: list[str]) -> int:
    return int(import_module(f"benchmarks.{name}").main(options))
