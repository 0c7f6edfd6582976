"""The command `conclave`: `up`, `serve`, `worker`, `bench` and `screenshots` are ours, everything else is Django's."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from infra.place import CannotStart
from infra.supervisor import GaveUp, follow_parent
from saas.env import Refused, refuse

Command = Callable[[Sequence[str]], None]

REFUSED = 2  # exit code: something was asked for that cannot be; standard error holds one sentence
GAVE_UP = 1


HELP = """\
conclave COMMAND; conclave COMMAND --help tells more

  up            runs everything on this machine, with organisations to try it out
  serve         answers browsers, programs and sockets
  worker        runs jobs: mail, the pool of ready schemas, erasing
  upgrade       brings the database up to date, and goes on where it was stopped
  doctor        checks settings and database
  operator      who sees the organisations at /operators/
  organization  lists organisations; suspends, resumes or deletes one
  notice        tells the people of organisations something
  bench         measures
  screenshots   takes pictures of every page

Every other command is Django's: conclave check, conclave dbshell.
"""


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


@contextmanager
def database_answers() -> Iterator[None]:
    """Refuses in a sentence what a database that is not there makes impossible."""
    import psycopg
    from django.db import OperationalError

    try:
        yield
    except (OperationalError, psycopg.OperationalError) as error:
        cause = error if isinstance(error, psycopg.OperationalError) else error.__cause__
        if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:  # no server has said it
            refuse(f"DATABASE_URL does not answer: {' '.join(str(cause).split())}")
        raise


def _run(arguments: Sequence[str]) -> None:
    ours = {"up": _up, "serve": _serve, "worker": _worker, "bench": _bench, "screenshots": _screenshots}
    if arguments and arguments[0] in ours:
        ours[arguments[0]](arguments[1:])
        return
    if not arguments or (arguments[0] in {"help", "-h", "--help"} and len(arguments) == 1):
        sys.stdout.write(HELP)
        return
    from django.core.management import execute_from_command_line

    with database_answers():
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
