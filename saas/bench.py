"""`conclave bench NAME`: a measurement, against the server that `--url` names or else one of its own.

`conclave bench fanout` starts servers of its own in any case: it compares them.
"""

import os
import signal
from collections.abc import Sequence
from importlib import import_module

from saas import env
from saas.own_server import server_of_its_own

BENCHMARKS = ("signup", "fanout", "notices")  # modules of benchmarks, each with a main(arguments) → the exit code


def bench(arguments: Sequence[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in BENCHMARKS:
        env.refuse(f"There is no such measurement; choose one of: {', '.join(BENCHMARKS)}.")
    options = list(arguments[1:])
    if name == "fanout":
        return _compare(options)
    if any(option.startswith(("--url", "--help", "-h")) for option in options):
        return _measure(name, options)
    with server_of_its_own(DEMO="0") as own:
        os.environ["DATABASE_URL"] = own.database_url
        return _measure(name, [*options, "--url", own.url])


def _measure(name: str, options: list[str]) -> int:
    return int(import_module(f"benchmarks.{name}").main(options))


def _compare(options: list[str]) -> int:
    from benchmarks import fanout
    from saas.machine import Machine

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # however it is ended, it ends what it started
        signal.signal(number, signal.default_int_handler)
    return fanout.main(options, Machine())
