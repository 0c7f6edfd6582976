"""One LISTEN session per event loop, watched over: it ends only with the loop, and every gap in its hearing is told."""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable

from psycopg.sql import SQL, Identifier

from realtime.layers import spill
from realtime.layers.letters import Heard
from realtime.layers.link import Link
from realtime.layers.mailboxes import Mailboxes
from realtime.layers.retrying import PATIENCE, SILENCE, before_attempt
from realtime.layers.sessions import connect

logger = logging.getLogger(__name__)

# Publishers whose last number is remembered.
SENDERS = 4_096


class Listener:
    def __init__(self, dsn: str, channel: str, sender: str, mailboxes: Mailboxes, tell_gap: Callable[[], None]) -> None:
        """`sender` is this loop's own."""
        self._dsn = dsn
        self._channel, self._sender = channel, sender
        self._mailboxes = mailboxes
        self._tell_gap = tell_gap
        self._heard: OrderedDict[str, int] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._listening = asyncio.Event()
        self._attempts = 0
        self._something_came = False
        self._after_a_spilled_one: deque[Heard] = deque()  # their turn comes when its body has been read
        self._reading: asyncio.Task[None] | None = None

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

    def free_link(self) -> Link | None:
        """The session that listens, to publish by. PostgreSQL answers it and tells it what it has just published in
        one breath: no other session has to be woken for that."""
        return self._link if self._link is not None and self._link.is_free else None

    async def close(self) -> None:
        for task in (self._task, self._reading):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])

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
            await session.execute("SET synchronous_commit = off")
            await session.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
            link = self._link = Link(session, self._hear)
            try:
                self._attempts = 0
                self._tell_gap() if self._listening.is_set() else self._listening.set()
                await self._stay(link)
            finally:
                self._link = None
                link.close()

    async def _stay(self, link: Link) -> None:
        while True:
            self._something_came = False
            await asyncio.wait([link.lost], timeout=SILENCE)
            if link.lost.done():
                raise ConnectionError("The session with PostgreSQL is lost.")
            self._mailboxes.forget_abandoned()
            if not self._something_came and link.is_free:  # else what is under way says how it fares
                await link.execute("SELECT 1")

    def _hear(self, bundle: str) -> None:
        self._something_came = True
        for text in bundle.split("\n"):
            self._hear_one(text)

    def _hear_one(self, text: str) -> None:
        try:
            heard = Heard.parse(text)
        except ValueError:
            logger.warning("The channel layer ignores a notification that is not its own: %.80r", text)
            return
        if not self._is_new(heard) or not self._is_wanted(heard):
            return
        if heard.spilled or self._after_a_spilled_one:
            self._after_a_spilled_one.append(heard)
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_spilled(), name="conclave layer: long events")
        else:
            self._deliver(heard)

    def _deliver(self, heard: Heard) -> None:
        try:
            body = heard.body()
        except ValueError:
            logger.warning("The channel layer ignores a notification that is not its own: %.80r", heard.encoded)
            return
        self._hand(heard, body)

    def _hand(self, heard: Heard, body: bytes) -> None:
        if self._is_wanted(heard):
            self._mailboxes.deliver(heard.to, body, is_echo=heard.sender == self._sender)

    def _is_wanted(self, heard: Heard) -> bool:
        return self._mailboxes.wanted(heard.to, is_echo=heard.sender == self._sender)

    async def _read_spilled(self) -> None:
        """Long bodies and what came after them, in order. Rare enough for a session each time."""
        try:
            async with asyncio.timeout(PATIENCE), await connect(self._dsn) as session:
                while self._after_a_spilled_one:
                    heard = self._after_a_spilled_one[0]
                    if not heard.spilled:
                        self._deliver(heard)
                    elif (body := await spill.read(session, heard.sender, heard.number)) is None:
                        self._tell_gap()
                    else:
                        self._hand(heard, body)
                    self._after_a_spilled_one.popleft()
        except Exception as error:
            logger.warning("The channel layer has lost long events: %r", error)
            self._after_a_spilled_one.clear()
            self._tell_gap()

    def _is_new(self, heard: Heard) -> bool:
        """A publisher's numbers only rise, so a number that has been passed is a repetition."""
        if heard.number <= self._heard.get(heard.sender, 0):
            return False
        self._heard[heard.sender] = heard.number
        self._heard.move_to_end(heard.sender)
        if len(self._heard) > SENDERS:
            self._heard.popitem(last=False)
        return True
