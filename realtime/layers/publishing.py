"""Publishing through pg_notify: all that has been queued while one transaction is under way goes into the next.

A commit with notifications holds a lock of the whole cluster, so the lock is paid per batch and never held across a
flush to disk: nothing but notifications and unlogged rows is written here, and synchronous_commit is off.
"""

import asyncio
import itertools
import secrets
from collections import deque

from realtime.layers.letters import Address, Letter
from realtime.layers.retrying import PATIENCE
from realtime.layers.sessions import BROKEN, Session, connect
from realtime.layers.spill import Spill

LETTERS_AT_ONCE = 256
BYTES_AT_ONCE = 1 << 20

NOTIFY = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"

Waiting = tuple[Letter, asyncio.Future[None]]


class Publisher:
    """Publishes in the order it is called, for one event loop."""

    def __init__(self, dsn: str, channel: str) -> None:
        self._dsn = dsn
        self._channel = channel
        self._sender = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._queue: deque[Waiting] = deque()
        self._queued = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._spill = Spill()

    def publish(self, to: Address, body: bytes) -> asyncio.Future[None]:
        """The future is done when the letter is committed, or holds what kept it from being so."""
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((Letter(self._sender, next(self._numbers), to, body), committed))
        self._queued.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._publish_batches(), name="conclave layer: publisher")
        return committed

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _publish_batches(self) -> None:
        try:
            while await self._queued.wait():
                await self._settle(self._next_batch())
        finally:
            self._fail(list(self._queue), ConnectionError("The channel layer was closed before this was published."))
            await self._disconnect()

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._queue and len(batch) < LETTERS_AT_ONCE and size < BYTES_AT_ONCE:
            batch.append(self._queue.popleft())
            size += len(batch[-1][0].body)
        if not self._queue:
            self._queued.clear()
        return batch

    async def _settle(self, batch: list[Waiting]) -> None:
        try:
            await self._commit([letter for letter, _ in batch])
        except asyncio.CancelledError:
            self._queue.extendleft(reversed(batch))
            raise
        except Exception as error:  # Whatever it is belongs to those who wait; the next batch may fare better.
            self._fail(batch, error)
        else:
            for _, committed in batch:
                if not committed.done():
                    committed.set_result(None)

    def _fail(self, batch: list[Waiting], error: Exception) -> None:
        for _, committed in batch:
            if not committed.done():
                committed.set_exception(error)

    async def _commit(self, letters: list[Letter]) -> None:
        """Tries twice: a session that has long been idle may have ended unseen.

        If the first attempt was committed all the same, the listeners know the numbers and drop the repetition.
        """
        try:
            await self._write(letters)
        except BROKEN:
            await self._disconnect()
            await self._write(letters)

    async def _write(self, letters: list[Letter]) -> None:
        async with asyncio.timeout(PATIENCE):
            session = await self._connected()
            spilled = [letter for letter in letters if not letter.fits()]
            payloads = [letter.payload() if letter.fits() else letter.envelope() for letter in letters]
            if not spilled:
                await session.execute(NOTIFY, (self._channel, payloads))
                return
            async with session.transaction():
                await self._spill.write(session, spilled)
                await session.execute(NOTIFY, (self._channel, payloads))
            await self._spill.prune(session)

    async def _connected(self) -> Session:
        if self._session is None or self._session.closed:
            self._session, self._spill = await connect(self._dsn), Spill()
            await self._session.execute("SET synchronous_commit = off")
        return self._session

    async def _disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
