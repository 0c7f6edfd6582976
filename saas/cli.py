"""The command `conclave`: `up`, `serve`, `worker`, `bench` and `screenshots` are ours, everything else is Django's."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from infra.place import CannotStart
from infra.supervisor import GaveUp, follow_parent
from saas.env import Refused

Command = Callable[[Sequence[str]], None]

REFUSED = 2  # exit code: something was asked for that cannot be; standard error holds one sentence
GAVE_UP = 1


def main(arguments: Sequence[str] | None = None) -> None:
    with guarded():
        _run(sys.argv[1:] if arguments is None else arguments)


@contextmanager
def guarded() -> Iterator[None]:
    """Ends with a sentence and an exit code, instead of a traceback, what was refused."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saas.settings")
    follow_parent()
    try:
        yield
    except (Refused, CannotStart) as refusal:
        _end(str(refusal), REFUSED)
    except GaveUp as end:
        _end(str(end), GAVE_UP)
    except KeyboardInterrupt:
        _end("", 130)


def _run(arguments: Sequence[str]) -> None:
    ours = {"up": _up, "serve": _serve, "worker": _worker, "bench": _bench, "screenshots": _screenshots}
    if arguments and arguments[0] in ours:
        ours[arguments[0]](arguments[1:])
        return
    from django.core.management import execute_from_command_line

    execute_from_command_line(["conclave", *arguments])


# Each imports what it needs when it is needed: `up` runs before there are settings, and servers pick their own loop.
def _up(arguments: Sequence[str]) -> None:
    from saas import up

    up.up(arguments)


def _serve(arguments: Sequence[str]) -> None:
    from saas import server

    server.serve(arguments)


def _worker(arguments: Sequence[str]) -> None:
    from saas import server

    server.worker(arguments)


def _bench(arguments: Sequence[str]) -> None:
    from saas import bench

    raise SystemExit(bench.bench(arguments))


def _screenshots(arguments: Sequence[str]) -> None:
    from saas import screenshots

    screenshots.screenshots(arguments)


def _end(sentence: str, code: int) -> None:
    if sentence:
        sys.stderr.write(f"{sentence}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
