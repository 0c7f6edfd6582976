"""One LISTEN session per event loop, watched over: it ends only with the loop, and every gap in its hearing is told."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from psycopg import Notify
from psycopg.sql import SQL, Identifier

from realtime.layers import spill
from realtime.layers.letters import Heard
from realtime.layers.mailboxes import Mailboxes
from realtime.layers.retrying import PATIENCE, SILENCE, before_attempt
from realtime.layers.sessions import Session, connect

logger = logging.getLogger(__name__)

# Publishers whose last number is remembered.
SENDERS = 4_096


class Listener:
    def __init__(self, dsn: str, channel: str, mailboxes: Mailboxes, tell_gap: Callable[[], None]) -> None:
        self._dsn = dsn
        self._channel = channel
        self._mailboxes = mailboxes
        self._tell_gap = tell_gap
        self._heard: OrderedDict[str, int] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._attempts = 0

    async def listening(self) -> None:
        """Returns once this loop hears what is published; later interruptions are told as gaps, not waited for here."""
        if self._listening.is_set():
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen_for_ever(), name="conclave layer: listener")
        try:
            async with asyncio.timeout(PATIENCE):
                await self._listening.wait()
        except TimeoutError:
            raise ConnectionError("The channel layer cannot reach PostgreSQL: check its address.") from None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # Whatever it was: a process that no longer listens is deaf without knowing it.
                logger.warning("The channel layer hears nothing until it has reconnected: %s", error)
            self._attempts += 1
            await asyncio.sleep(before_attempt(self._attempts))

    async def _listen(self) -> None:
        async with await connect(self._dsn) as session:
            await session.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
            self._attempts = 0
            self._tell_gap() if self._listening.is_set() else self._listening.set()
            while True:
                for notification in await self._next(session):
                    await self._deliver(session, notification)
                self._mailboxes.forget_abandoned()

    async def _next(self, session: Session) -> list[Notify]:
        """What has arrived together. Read to its end: leaving this generator half-way would lose the rest."""
        arrived = [notification async for notification in session.notifies(timeout=SILENCE, stop_after=1)]
        if not arrived:
            async with asyncio.timeout(PATIENCE):
                await session.execute("SELECT 1")
        return arrived

    async def _deliver(self, session: Session, notification: Notify) -> None:
        try:
            heard = Heard.parse(notification.payload)
            if self._is_new(heard) and self._mailboxes.wanted(heard.to):
                body = await spill.read(session, heard.sender, heard.number) if heard.spilled else heard.body()
                self._tell_gap() if body is None else self._mailboxes.deliver(heard.to, body)
        except ValueError:
            logger.warning("The channel layer ignores a notification that is not its own: %.80r", notification.payload)

    def _is_new(self, heard: Heard) -> bool:
        """A publisher's numbers only rise, so a number that has been passed is a repetition."""
        if heard.number <= self._heard.get(heard.sender, 0):
            return False
        self._heard[heard.sender] = heard.number
        self._heard.move_to_end(heard.sender)
        if len(self._heard) > SENDERS:
            self._heard.popitem(last=False)
        return True
