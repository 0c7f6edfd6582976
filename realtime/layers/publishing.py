"""Publishing by NOTIFY: all that has been queued while one transaction is under way goes into the next, and shares
notifications.

A commit with notifications holds a lock of the whole cluster, so the lock is paid per batch and never held across a
flush to disk: nothing but notifications and unlogged rows is written here, and synchronous_commit is off.
"""

import asyncio
import itertools
import secrets
from collections import deque
from collections.abc import Callable

from realtime.layers.letters import Address, Letter, bundled
from realtime.layers.link import Link
from realtime.layers.pacing import Pace
from realtime.layers.retrying import PATIENCE
from realtime.layers.sessions import BROKEN, Session, connect
from realtime.layers.spill import Spill

LETTERS_AT_ONCE = 256
BYTES_AT_ONCE = 1 << 20
CLOSED = "The channel layer was closed before this was published."

Waiting = tuple[Letter, asyncio.Future[None]]


class Publisher:
    """Publishes in the order it is called, for one event loop."""

    def __init__(self, dsn: str, channel: str, free_link: Callable[[], Link | None]) -> None:
        """`free_link` gives a link of somebody else's that may be used just now, with synchronous_commit off. It is the
        first choice; a session of its own is made where there is none, and for what needs care."""
        self._dsn = dsn
        self._channel = channel
        self._free_link = free_link
        self.sender = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._queue: deque[Waiting] = deque()
        self._care = asyncio.Event()  # something has to be sent carefully
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._session: Session | None = None
        self._spill = Spill()
        self._under_way: list[Waiting] = []
        self._pace = Pace(self._send)
        self._hurries = False  # somebody waits for what is queued
        self._loop: asyncio.AbstractEventLoop
        self._together: asyncio.Future[None] | None = None  # of what is queued, and does not hurry

    def publish(self, to: Address, body: bytes, *, at_once: bool) -> asyncio.Future[None]:
        """The future is done when the letter is committed, or holds what kept it from being so. What does not go at
        once shares one with what goes with it."""
        if self._task is None:  # from the first one on: whatever ends the tasks of a loop ends it, too
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._tend(), name="conclave layer: publisher")
        committed = self._together
        if at_once or committed is None or committed.done():
            committed = self._loop.create_future()
            self._together = None if at_once else committed  # what comes later goes after what hurries
        self._queue.append((Letter(self.sender, next(self._numbers), to, body), committed))
        self._hurries |= at_once
        if not self._under_way:
            self._pace.due(at_once=at_once)
        return committed

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._fail([*self._under_way, *self._queue], ConnectionError(CLOSED))

    def _send(self) -> None:
        if self._queue and not self._under_way and not self._send_quickly():
            self._send_carefully()
        self._hurries = self._hurries and bool(self._queue)

    # The usual way: short letters on a session that is there, in callbacks alone.

    def _send_quickly(self) -> bool:
        """The next batch, if nothing stands in its way."""
        link = self._free_link() or self._link
        if link is None or link.lost.done() or self._care.is_set():
            return False
        if not all(letter.fits() for letter, _ in itertools.islice(self._queue, LETTERS_AT_ONCE)):
            return False
        self._under_way = self._next_batch()
        link.execute(self._notify(self._under_way)).add_done_callback(self._sent_quickly)
        return True

    def _sent_quickly(self, sent: asyncio.Future[None]) -> None:
        if sent.cancelled() or sent.exception() is not None:
            self._queue.extendleft(reversed(self._under_way))  # once more, on another session
            self._under_way = []
            self._send_carefully()
            return
        batch, self._under_way = self._under_way, []
        self._settle(batch)
        if self._queue:
            self._pace.due(at_once=self._hurries or len(self._queue) >= LETTERS_AT_ONCE)

    def _notify(self, batch: list[Waiting]) -> str:
        """Names and bodies are made of letters, digits and what needs no quoting: none of them can hold a quote."""
        texts = (letter.payload() if letter.fits() else letter.envelope() for letter, _ in batch)
        return ";".join(f"NOTIFY {self._channel}, '{bundle}'" for bundle in bundled(texts))

    # The other way: connecting, long letters, and what has failed once.

    def _send_carefully(self) -> None:
        if self._task is None or self._task.done():  # closed, with the loop or before it
            self._fail([*self._under_way, *self._queue], ConnectionError(CLOSED))
        else:
            self._care.set()

    async def _tend(self) -> None:
        """Lives as long as the event loop does, and ends the session with it."""
        try:
            while await self._care.wait():
                while self._queue:
                    self._under_way = self._next_batch()
                    await self._settle_carefully(self._under_way)
                    self._under_way = []
                self._care.clear()
        finally:
            self._fail([*self._under_way, *self._queue], ConnectionError(CLOSED))
            await self._disconnect()

    async def _settle_carefully(self, batch: list[Waiting]) -> None:
        try:
            await self._commit(batch)
        except Exception as error:  # Whatever it is belongs to those who wait; the next batch may fare better.
            self._fail(batch, error)
        else:
            self._settle(batch)

    def _settle(self, batch: list[Waiting]) -> None:
        """A future that is also of what is still queued is done with that."""
        still_queued = self._queue[0][1] if self._queue else None
        for _, committed in batch:
            if committed is not still_queued and not committed.done():
                committed.set_result(None)

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size, self._together = 0, None
        while self._queue and len(batch) < LETTERS_AT_ONCE and size < BYTES_AT_ONCE:
            batch.append(self._queue.popleft())
            size += len(batch[-1][0].body)
        return batch

    def _fail(self, batch: list[Waiting], error: Exception) -> None:
        for _, committed in batch:
            if not committed.done():
                committed.set_exception(error)

    async def _commit(self, batch: list[Waiting]) -> None:
        """Tries twice: a session that has long been idle may have ended unseen.

        If the first attempt was committed all the same, the listeners know the numbers and drop the repetition.
        """
        try:
            await self._write(batch)
        except BROKEN:
            await self._disconnect()
            await self._write(batch)

    async def _write(self, batch: list[Waiting]) -> None:
        async with asyncio.timeout(PATIENCE):
            session = await self._free_session()
            spilled = [letter for letter, _ in batch if not letter.fits()]
            if spilled:
                async with session.transaction():
                    await self._spill.write(session, spilled)
                    await session.execute(self._notify(batch).encode())
                await self._spill.prune(session)
            else:
                await session.execute(self._notify(batch).encode())
        self._link = Link(session, lambda text: None)

    async def _free_session(self) -> Session:
        """The session, for psycopg's own use."""
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._session is None or self._session.closed:
            self._session, self._spill = await connect(self._dsn), Spill()
            await self._session.execute("SET synchronous_commit = off")
        return self._session

    async def _disconnect(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._session is not None:
            await self._session.close()
            self._session = None
