"""A session with PostgreSQL that is read in the event loop's own callback: no task is woken for a notification, and
none waits for a commit. Publishing an event and hearing it, one at a time, cost a process 219 us through psycopg's
coroutines, and costs 85 us so.

Stands on libpq as psycopg offers it (psycopg.pq). While a link is open, nobody else may use its session.
"""

import asyncio
from collections.abc import Callable

from psycopg import OperationalError
from psycopg.pq import ExecStatus

from realtime.layers.retrying import PATIENCE
from realtime.layers.sessions import Session

_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Link:
    def __init__(self, session: Session, heard: Callable[[str], None]) -> None:
        """`heard` is called with the text of every notification. It must not raise."""
        self._loop = asyncio.get_running_loop()
        self._pg = session.pgconn
        self._pg.nonblocking = 1
        self._heard = heard
        self._answer: asyncio.Future[None] | None = None
        self._failure: OperationalError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._socket = self._pg.socket
        self._watching = True
        self._loop.add_reader(self._socket, self._read)

    @property
    def is_free(self) -> bool:
        """May something be executed now?"""
        return not self.lost.done() and (self._answer is None or self._answer.done())

    def execute(self, statements: str) -> asyncio.Future[None]:
        """One transaction; one at a time. The future is done when it is committed, or holds what kept it from that."""
        assert self.is_free or self.lost.done(), "one at a time"
        answer = self._answer = self._loop.create_future()
        self._failure = None
        self._timer = self._loop.call_later(PATIENCE, self._lose, OperationalError("PostgreSQL does not answer"))
        try:
            self._pg.send_query(statements.encode())
        except OperationalError as error:
            self._lose(error)
        else:
            self._flush()
        return answer

    def close(self) -> None:
        """The session may be used otherwise again."""
        self._stop_waiting()
        self._stop_watching()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(OperationalError("the session was left"))

    def _read(self) -> None:
        try:
            self._pg.consume_input()
            self._take_answer()
        except OperationalError as error:
            self._lose(error)
            return
        while (notification := self._pg.notifies()) is not None:
            self._heard(notification.extra.decode())

    def _take_answer(self) -> None:
        while self._answer is not None and not self._answer.done() and not self._pg.is_busy():
            result = self._pg.get_result()
            if result is not None:
                if result.status not in _FINE:
                    self._failure = OperationalError(result.error_message.decode(errors="replace").strip())
                continue
            self._stop_waiting()
            if self._failure is not None:
                self._answer.set_exception(self._failure)
            else:
                self._answer.set_result(None)

    def _flush(self) -> None:
        try:
            unsent = self._pg.flush()
        except OperationalError as error:
            self._lose(error)
            return
        if unsent:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _stop_watching(self) -> None:
        """Once only: libpq closes the socket of a lost session, and the next to open one may be given its number."""
        if self._watching:
            self._watching = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)

    def _lose(self, error: OperationalError) -> None:
        self._stop_waiting()
        self._stop_watching()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        if not self.lost.done():
            self.lost.set_result(None)
