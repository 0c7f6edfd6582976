"""The one crossing from async code into an organisation's tables.

Django's connection belongs to a thread and remembers the last tenant it was given. So the tenant is set inside the
very call that runs the queries, on threads of our own: few, each with one connection, never the event loop's.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar, cast

from django.db import InterfaceError, OperationalError
from django.db import connection as this_threads

if TYPE_CHECKING:
    from tenants.db.base import DatabaseWrapper
    from tenants.directory import Space

connection = cast("DatabaseWrapper", this_threads)

P = ParamSpec("P")
T = TypeVar("T")

# Three pools, so that a rush of sign-ins (80 ms of Argon2 each) never holds up a post, and neither the reading of
# control. Writes gain nothing from more than four threads on two cores.
SOCKETS = ThreadPoolExecutor(4, thread_name_prefix="db-sockets")
REQUESTS = ThreadPoolExecutor(6, thread_name_prefix="db-requests")
CONTROL = ThreadPoolExecutor(1, thread_name_prefix="db-control")

IDLE = 2.0  # seconds after which a connection is asked whether it still is one


class Path(NamedTuple):
    """What django-tenants wants to know of a tenant: the name of its schema."""

    schema_name: str


PUBLIC = Path("public")


async def in_tenant(space: "Space", verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `verb` on a database thread with the tables of `space`, and nothing but its tables, in sight.

    Whatever the call raises is raised here. A cancelled wait does not stop the call: it commits or rolls back.
    """
    return await _on(SOCKETS, space.schema_name, verb, *args, **kwargs)


async def in_public(verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for the public schema: the directory, control, sign-up."""
    return await _on(SOCKETS, PUBLIC.schema_name, verb, *args, **kwargs)


async def request_in(schema_name: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for a whole HTTP request, on threads of its own."""
    return await _on(REQUESTS, schema_name, verb, *args, **kwargs)


async def control_in_public(verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for the reading of control, on a thread that nothing else can keep busy."""
    return await _on(CONTROL, PUBLIC.schema_name, verb, *args, **kwargs)


_under_way = 0


def is_asked() -> bool:
    """Does anybody wait for one of this process's database threads?"""
    return _under_way > 0


async def _on(pool: ThreadPoolExecutor, schema_name: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    def call() -> T:
        with _connected(), entered(schema_name):
            return verb(*args, **kwargs)

    global _under_way
    _under_way += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, call)
    finally:
        _under_way -= 1


@contextmanager
def _connected() -> Iterator[None]:
    """This thread's connection, made anew if it may be dead: a restarted database costs few calls, not one per thread.

    After a pause it is asked; between two calls in a row it is not, for that would cost a round trip each. When a call
    finds its connection lost, every thread makes a new one before its next.
    """
    global _losses
    if _this.losses != _losses or (time.monotonic() - _this.used > IDLE and not _is_usable()):
        connection.close()
    _this.losses = _losses
    try:
        yield
    except (OperationalError, InterfaceError):
        _losses += 1
        raise
    finally:
        _this.used = time.monotonic()


def _is_usable() -> bool:
    return connection.connection is not None and connection.is_usable()


class _Thread(threading.local):
    losses = 0
    used = float("-inf")


_this = _Thread()
_losses = 0


@contextmanager
def entered(schema_name: str) -> Iterator[None]:
    """The tables of one schema, for synchronous code: what in_tenant, jobs and commands stand on.

    Nests, and goes back to where it was, also after an error. Refused on a thread that runs an event loop: other
    tasks would find themselves in this schema.
    """
    if _loop_runs_here():
        raise RuntimeError("A schema cannot be entered on the event loop; use in_tenant().")
    before, with_public = connection.tenant, connection.include_public_schema
    connection.set_tenant(Path(schema_name), include_public=False)
    try:
        yield
    finally:
        connection.set_tenant(before, include_public=with_public)


def current_key() -> str | None:
    """The key of the organisation that this thread's connection is in; None in public."""
    name = str(connection.schema_name)
    return name[2:] if name.startswith("o_") else None


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
