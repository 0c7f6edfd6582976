"""Rights that ended reach every process through rows, not messages.

Who takes a right away appends a row in the same transaction: "look again at this". Every process reads once a second
what has come since its last reading, and the ten seconds before that again: a row of a lower number may commit later,
and a process may have been stopped for a while. A change names what to look at, never what to think of it, so applying
one twice, or late, does no harm.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from tenants.schema import control_in_public

ORGANIZATION = "organization"  # its state, name, address or limits
PERSON = "person"  # subject: the user's id; role, password or activity
CREDENTIAL = "credential"  # subject: SHA-256 of a session key or token that has ended
SECOND_FACTOR = "second_factor"  # whether the organisation requires one of everybody
NOTICES = "notices"  # subject: the number that their stream has come to
MEMBERSHIP = "membership"  # subject: "<user id>:<address of the room they left>"

INTERVAL = 1.0
OVERLAP = timedelta(seconds=10)
STALE_AFTER = 10.0

log = logging.getLogger("conclave.control")


@dataclass(frozen=True, slots=True)
class Change:
    id: int
    key: str
    what: str
    subject: str


def append(key: str, what: str, subject: str = "") -> None:
    """Tell every process to look again at `subject` of the organisation `key`, if this transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.tenants_control (key, what, subject) VALUES (%s, %s, %s)", [key, what, subject]
        )


Listener = Callable[[Change], None]
_listeners: list[Listener] = []
_last_reading = float("-inf")


def listen(listener: Listener) -> None:
    """Call `listener` on the event loop for every change. It must not block; it may start a task of its own."""
    _listeners.append(listener)


def fresh() -> bool:
    """Has this process read control within the last ten seconds? If not, it must not deliver to sockets."""
    return time.monotonic() - _last_reading < STALE_AFTER


class Watch:
    """The reading, once per process: a task that lives as long as the process serves."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._applied: dict[int, Change] = {}  # what the last reading found, ten seconds and more of it
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, with the first reading done: what changed before it is in no cache yet."""
        await self.read()
        self._task = asyncio.create_task(self._run(), name="control")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.read()
            except Exception as error:  # the database is away: fresh() turns false by itself
                log.warning("control cannot be read: %s", str(error).splitlines()[0] if str(error) else repr(error))

    async def read(self) -> None:
        global _last_reading
        began = time.monotonic()
        now, changes = await control_in_public(_rows_since, self._since)
        if self._since is not None:
            self._apply(changes)
        else:
            self._applied = {change.id: change for change in changes}
        self._since = now
        _last_reading = began

    def _apply(self, changes: list[Change]) -> None:
        news = [change for change in changes if change.id not in self._applied]
        for change in news:
            for listener in _listeners:
                listener(change)
        self._applied = {change.id: change for change in changes}

    def recent(self) -> list[Change]:
        """The changes of the last ten seconds: for who was being let in while they were made."""
        return list(self._applied.values())


def _rows_since(since: datetime | None) -> tuple[datetime, list[Change]]:
    """And when the database was asked, by its own clock: before it looked."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT statement_timestamp(), id, key, what, subject
            FROM (SELECT) AS asked
            LEFT JOIN tenants_control ON at >= coalesce(%s, statement_timestamp()) - make_interval(secs => %s)
            ORDER BY id
            """,
            [since, OVERLAP.total_seconds()],
        )
        rows = cursor.fetchall()
    return rows[0][0], [Change(*row) for _, *row in rows if row[0] is not None]
