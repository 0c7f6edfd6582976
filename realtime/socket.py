"""One open socket: what comes in is dealt with one frame at a time, what goes out is written at once."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer
from django.db import InterfaceError, OperationalError

from billing import limits
from realtime.frames import Batch, Frame
from realtime.garbage import collector
from realtime.groups import Group
from realtime.hub import hub
from realtime.protocol import MOST_FRAME, REFUSALS, Close, Error, Event, Id, Refused, encode
from realtime.wires import Wire, wire_of
from tenants.actor import Actor
from tenants.problems import Problem

MOST_UNSENT = 1_000_000  # bytes of answers to one's own commands that may wait to be read
MOST_UNDER_WAY = 32  # commands that have been begun and not answered
PATIENCE = 30.0  # seconds for a reader who is behind to catch up

# A socket whose opening was refused.
_CLOSES = {"not_found": Close.NOT_FOUND, "forbidden": Close.NOT_FOUND, "unknown": Close.RESTARTING}

T = TypeVar("T")

Again = Callable[[int], Awaitable[None]]  # takes a group up again, from this number on

log = logging.getLogger("conclave.socket")


class _Straight:
    """What is looked at for every delivery lies in the object itself: its dict is two more places in memory, and a
    crowd's do not fit the processor's cache (0.4 of the 2.1 us that a delivery takes outside the kernel: perf, conclave
    bench fanout --scenarios F)."""

    __slots__ = ("descriptor", "write")
    write: Callable[[bytes], None] | None
    descriptor: int


class Socket(_Straight, AsyncConsumer, ABC):
    """The frame around the three sockets. Subclasses say what happens when one opens and when a frame comes.

    It does without AsyncConsumer's dispatch: that costs a thread hop for every frame in either direction, and a channel
    of its own for every socket. The hub has one for all. A socket that is open and idle is one task.
    """

    hears_signals: ClassVar[bool] = True
    """Whether it is told what is ephemeral."""

    actor: Actor
    _wire: Wire

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope, self.actor = scope, scope["actor"]
        self.space = self.actor.organization
        self.key = self.space.key
        self.groups: dict[Group, Again] = {}  # what it hears
        self.write, self.descriptor = None, -1
        self.taking_up = asyncio.Lock()  # one at a time: what is kept for this socket belongs to one replay
        self._is_closing = False
        self._is_busy = True  # until it is let in
        self._under_way = 0
        self._settled: asyncio.Future[None] | None = None
        self._farewell: float | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.left_behind: dict[Group, int] = {}  # what it heard when it fell behind, and up to where
        self._patience: asyncio.TimerHandle | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self._frames, self._flood = limits.frames(self.key), limits.flood(self.key)
        await receive()  # websocket.connect
        self._wire = wire_of(scope, send, self)
        collector.came()
        try:
            await self._serve(receive)
        finally:
            collector.gone()
            self.over()
            hub.gone(self, self.groups)  # again: what was being taken up when it ended

    async def _serve(self, receive: Any) -> None:
        if not self._is_closing:
            await self._let_in()
        while True:
            self._is_busy = False
            if self._farewell is not None:
                self.farewell(self._farewell)
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            self._is_busy = True
            await self._all_answered()
            if not self._is_closing:
                await self._hear(message.get("text"))

    # In.

    @abstractmethod
    async def opened(self) -> None:
        """The socket is open and registered: say hello. May raise Refused: the socket is closed, and told why."""

    @abstractmethod
    async def heard(self, text: str) -> None:
        """One frame. May raise Refused: told to the client, and the socket stays open."""

    def heard_at_once(self, text: str) -> bool:
        """One frame, if nothing has to be waited for to deal with it or to begin with it (`answer_later`); False: it
        goes to `heard`, once all that was begun is answered. May raise Refused."""
        return False

    def take(self, text: str) -> bool:
        """The server has a frame, and those before it are dealt with or begun. What needs no database is dealt with on
        the spot: no task is woken, no thread is asked."""
        if self._is_busy or self._is_closing or len(text) > MOST_FRAME or self._under_way >= MOST_UNDER_WAY:
            return False
        try:
            dealt_with = self.heard_at_once(text)
        except Refused as refused:
            self.refuse(refused)
            return True
        return dealt_with

    def answer_later(self, id: Id, result: asyncio.Future[T], answer: Callable[[T], Event | None]) -> None:
        """This has been begun, and is answered when it has ended; what is like it may be begun meanwhile."""
        self._under_way += 1
        result.add_done_callback(partial(self._answer, id, answer))

    @property
    def is_settled(self) -> bool:
        """All that was begun is answered."""
        return not self._under_way

    def _answer(self, id: Id, answer: Callable[[T], Event | None], result: asyncio.Future[T]) -> None:
        self._under_way -= 1
        try:
            with answering(id):
                if event := answer(result.result()):
                    self.tell(event)
        except Refused as refused:
            self.refuse(refused)
        except (Exception, asyncio.CancelledError) as error:
            log.error("a command has failed", exc_info=error)
            self.close_later(Close.RESTARTING, "Come back in a moment.")
        if self.is_settled and self._settled is not None:
            self._settled.set_result(None)
            self._settled = None
        if self._farewell is not None:
            self.farewell(self._farewell)

    async def _all_answered(self) -> None:
        if not self.is_settled:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled

    def admit(self) -> bool:
        """One more frame. False: it is one too many, and that has been said."""
        if self._flood.take():
            self.close_later(Close.FLOODING, "Far too many frames at once.")
        elif wait := self._frames.take():
            self.refuse(Refused("rate_limited", retry_after=round(wait, 3)))
        else:
            return True
        return False

    async def _hear(self, text: str | None) -> None:
        if text is None:
            self.close_later(Close.BAD_DATA, "Frames must be text.")
        elif len(text) > MOST_FRAME or len(text.encode("utf-8", "replace")) > MOST_FRAME:
            self.close_later(Close.TOO_LONG, f"A frame may have at most {MOST_FRAME} bytes.")
        elif self.admit():
            try:
                await self.heard(text)
            except Refused as refused:
                self.refuse(refused)

    async def _let_in(self) -> None:
        """The handshake is answered with the first word, or when all is taken up: a socket that is open hears."""
        try:
            with answering(None):
                await hub.started()
                if hub.rights.count(self.key) >= limits.sockets(self.key):
                    raise Refused("rate_limited", "Your organisation has as many open sockets as its plan allows.", 30)
                hub.rights.register(self)
                await self.opened()
            self._wire.accept()
            if self.hears_signals and not self._is_closing:
                self._go_straight()
        except Refused as refused:
            self.close_later(_CLOSES.get(refused.code, Close.FLOODING), refused.detail)

    # Out.

    @property
    def user_id(self) -> int:
        return self.actor.user_id

    def deliver(self, batch: Batch) -> None:
        """What is told to many."""
        heard = batch if self.hears_signals else batch.numbered()
        if heard and not self._is_closing:
            self._wire.write(heard)

    def tell(self, event: Event) -> None:
        """Something for this socket alone."""
        self.say(encode(event))

    def say(self, text: str) -> None:
        """The same as a text. Never dropped: a client that reads none of its answers is sent away."""
        if self._is_closing:
            return
        if self._wire.unsent() > MOST_UNSENT:
            return self.close_later(Close.TOO_SLOW, "Reading too slowly. Come back and replay.")
        self._wire.write(Batch([Frame(text)]))

    async def say_and_wait(self, text: str) -> None:
        """The same for what is long: returns when the client has taken most of it, so that pages never pile up."""
        self.say(text)
        await self._writable.wait()

    def refuse(self, refused: Refused, id: Id = None) -> None:
        self.tell(
            Error(
                id=refused.id if id is None else id,
                code=refused.code,
                detail=refused.detail,
                retry_after=refused.retry_after,
            )
        )

    def close_later(self, code: Close, reason: str) -> None:
        """Nothing more is sent but the close: what comes may be what this person must not see any more."""
        if not self._is_closing:
            self.over()
            self._wire.close(int(code), reason)

    def over(self) -> None:
        """It hears and is told nothing more."""
        if not self._is_closing:
            self._is_closing, self.write, self.descriptor = True, None, -1
            hub.gone(self, self.groups)
            self._writable.set()
            for ending in (self._patience, self._catching_up):
                if ending is not None:
                    ending.cancel()

    def farewell(self, retry_after: float) -> None:
        """The server stops: told when to come back, once the command under way has been answered."""
        self._farewell = retry_after
        if self.is_settled and not self._is_busy:
            self.close_later(Close.RESTARTING, f"{retry_after:.1f}")

    # A reader who does not keep up costs nobody anything: live frames stop, and are read from the database later.

    def clogged(self) -> None:
        if self.write is not None:
            self._go_straight()

    def _go_straight(self) -> None:
        """Let in, and hearing all: what is told to many is written without asking it."""
        self.write, self.descriptor = self._wire.straight, self._wire.descriptor
        hub.look_again(self.groups)

    def behind(self) -> None:
        if self._is_closing or not self._writable.is_set():
            return
        self._writable.clear()
        self.left_behind |= hub.fall_behind(self.groups, self)
        self._patience = asyncio.get_running_loop().call_later(
            PATIENCE, self.close_later, Close.TOO_SLOW, "Reading too slowly. Come back and replay."
        )

    def drained(self) -> None:
        if self.write is not None:
            self._go_straight()
        if self._patience is not None:
            self._patience.cancel()
        self._writable.set()
        if self.left_behind and self._catching_up is None and not self._is_closing:
            self._catching_up = asyncio.create_task(self._catch_up(), name="socket catches up")

    async def _catch_up(self) -> None:
        try:
            while self.left_behind and not self._is_closing:
                await self._writable.wait()
                async with self.taking_up:
                    group, told = self.left_behind.popitem()
                    if again := self.groups.get(group):
                        await again(told)
        except Exception as error:  # the database is away
            log.warning("a reader could not catch up: %r", error)
            self.close_later(Close.RESTARTING, "Come back in a moment.")
        finally:
            self._catching_up = None

    # Asked by the hub.

    def become(self, actor: Actor) -> None:
        self.actor = actor

    async def recheck(self, address: str) -> None:
        """Only sockets that hear rooms have something to look at."""

    def query(self, name: str) -> str | None:
        """A parameter of the address's query."""
        values = parse_qs(self.scope.get("query_string", b"").decode("latin-1")).get(name)
        return values[-1] if values else None


class answering:  # noqa: N801  # used like a function; one that is written with `yield` takes four times as long
    """Whatever is refused inside is refused as the answer to the command `id`; a Problem, as sockets say it. A
    connection to the database that was lost on the way leaves open whether it has happened."""

    __slots__ = ("_id",)

    def __init__(self, id: Id) -> None:
        self._id = id

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        match error:
            case Refused():
                error.id = self._id
            case Problem():
                code = error.code if error.code in REFUSALS else "forbidden"
                self._refuse(Refused(code, error.detail, error.retry_after), error)
            case OperationalError() | InterfaceError():
                self._refuse(Refused("unknown", retry_after=1.0), error)

    def _refuse(self, told: Refused, error: BaseException) -> None:
        told.id = self._id
        raise told from error


def number_of(text: str | None) -> int | None:
    """`?since=n`; anything that is no number refuses the socket."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refused("not_found", "`since` must be a whole number.")
    return int(text)
