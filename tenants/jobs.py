"""Work for later: deferred on the tenant's own connection, inside its transaction, so that job and row commit together.

Jobs live in public and carry the organisation's key. They run at least once, so every task is idempotent. No lock per
organisation: it would stall its other jobs.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from procrastinate.contrib.django import app
from procrastinate.retry import RetryStrategy
from procrastinate.tasks import Task

from tenants import directory
from tenants.directory import Space
from tenants.models import Organization
from tenants.schema import PUBLIC, Path, connection, entered

P = ParamSpec("P")
AnyTask = Task[Any, Any, Any]

# 1 + 2 + 4 … seconds: an hour and more of trying before a job is given up and kept as failed.
log = logging.getLogger("conclave.jobs")

_RETRY = RetryStrategy(max_attempts=12, exponential_wait=2)


class NotServed(Exception):
    """The job's organisation is suspended: the job must not run now, and is tried again later."""


def for_tenants(task: Callable[Concatenate[Space, P], None]) -> AnyTask:
    """A job of one organisation: task(space, **arguments), run in its schema; refused for one that is not served."""

    @wraps(task)
    def run(*, key: str, **arguments: Any) -> None:
        with entered(PUBLIC.schema_name):
            space = directory.by_key(key)
        if space is None or space.state == Organization.State.DELETING:
            return log.warning("%s is dropped: its organisation is gone", task.__name__)
        if space.state == Organization.State.SUSPENDED:
            raise NotServed(f"organisation {key} is not served")
        with entered(space.schema_name):
            task(space, **arguments)  # type: ignore[call-arg]

    return app.task(name=f"{task.__module__}.{task.__name__}", retry=_RETRY)(run)


def for_everybody(every: str | None = None) -> Callable[[Callable[..., None]], AnyTask]:
    """A job of the installation, run in public. `every`: also by the clock, as cron writes it."""

    def declare(task: Callable[..., None]) -> AnyTask:
        @wraps(task)
        def run(timestamp: int | None = None, **arguments: Any) -> None:
            with entered(PUBLIC.schema_name):
                task(**arguments)

        declared = app.task(name=f"{task.__module__}.{task.__name__}", retry=_RETRY)(run)
        return app.periodic(cron=every)(declared) if every else declared

    return declare


def later(key: str | None, task: AnyTask, at: datetime | None = None, **arguments: Any) -> None:
    """Run `task` once this transaction has committed; never if it does not. `key`: of the organisation it is for. `at`:
    not before."""
    if key is not None:
        arguments["key"] = key
    path, with_public = connection.tenant, connection.include_public_schema
    connection.set_tenant(Path(PUBLIC.schema_name))  # procrastinate's functions live there; the transaction is the same
    try:
        (task.configure(schedule_at=at) if at else task).defer(**arguments)
    finally:
        connection.set_tenant(path, include_public=with_public)
