"""The hub: one per process. The layer hands it an event once; it hands it to every socket here that may hear it.

It audits: what the layer lost without a trace is found by comparing numbers with the database.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic

from realtime import events, groups, lag
from realtime.events import Envelope
from realtime.fan_out import FanOut
from realtime.groups import Group
from realtime.line import Line
from realtime.nursery import Nursery
from realtime.presence import Presence
from realtime.rights import Rights, Socket
from realtime.streams import Missed, Stream
from tenants import control
from tenants.directory import Space

LINGER = 5.0  # seconds a subscription is kept after its last listener, for those who reload a page
AUDIT = 5.0  # seconds between audits of streams with traffic in the last minute; of all, while the layer is away
AUDIT_QUIET = 60.0  # of the rest, at most: each at a time of its own

log = logging.getLogger("conclave.hub")

# How far the database is with streams of one kind, by the organisation's key and the stream's name: asked for those of
# many organisations at once.
Heads = Callable[[Mapping[Space, list[str]]], Awaitable[dict[tuple[str, str], int]]]


class Hub:
    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._audited: dict[str, tuple[Space, Heads, str]] = {}  # by group: whose, how, and its name there
        self._due: dict[str, float] = {}  # by group: when it is looked at next, though nothing is said there
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._audit_all = asyncio.Event()
        self._nursery = Nursery()
        self._watch = control.Watch()
        self._line = Line(self._tell, self._audit_all.set)
        self._fan_out = FanOut()
        self.rights = Rights(self._watch, self._nursery)
        self.presence = Presence()
        self._starting: asyncio.Task[None] | None = None

    # Life.

    async def started(self) -> None:
        """Ready when this returns. Started by whoever comes first: not every server tells when it begins."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name="hub start")
        try:
            await asyncio.shield(self._starting)
        except Exception:
            self._starting = None
            raise

    async def _start(self) -> None:
        await self._watch.start()
        control.listen(self.rights.apply)
        control.listen(self._hurry)
        events.serve_on(asyncio.get_running_loop())
        await self._line.start(self._nursery)
        self._nursery.start(self._audit(), "hub audit")
        self._nursery.start(self.presence.run(), "presence")
        self._nursery.start(lag.watch(), "event loop's lag")

    async def stop(self) -> None:
        await self._watch.stop()
        await self._nursery.stop()

    @property
    def layer_is_well(self) -> bool:
        return self._line.is_well

    # Who listens.

    async def hold(
        self,
        group: Group,
        socket: Socket,
        read: Callable[[int], Awaitable[Missed]],
        heads: Heads,
        name: str,
    ) -> Stream:
        """Subscribe, and keep for this socket what is told from now on; it hears it when its stream goes live.

        `read` and `heads` say what was missed and how far the database is; `name` is the stream's name for `heads`.
        """
        stream = self._streams.get(group.name)
        if stream is None:
            stream = self._streams[group.name] = Stream(group, read, self._fan_out)
            self._audited[group.name] = (socket.actor.organization, heads, name)
        stream.hold(socket)
        try:
            async with self._locks[group.name]:
                if not self._line.hears(group.name):
                    await self._line.subscribe(group.name)
        except BaseException:
            self.leave(group, socket)
            raise
        return stream

    def fall_behind(self, groups: Iterable[Group], socket: Socket) -> dict[Group, int]:
        """This socket takes no more for now: it is told nothing until it holds its groups again. Returns up to where it
        has been told everything of each that it heard live."""
        told = {}
        for group in groups:
            if stream := self._streams.get(group.name):
                if (number := stream.fall_behind(socket)) is not None:
                    told[group] = number
                self._give_up_if_deserted(stream)
        return told

    def look_again(self, groups: Iterable[Group]) -> None:
        """Another way leads to somebody who hears these groups."""
        for group in groups:
            if stream := self._streams.get(group.name):
                stream.look_again()

    def leave(self, group: Group, socket: Socket) -> None:
        if stream := self._streams.get(group.name):
            stream.drop(socket)
            self._give_up_if_deserted(stream)

    def gone(self, socket: Socket, groups: Iterable[Group]) -> None:
        """This socket is closed."""
        self.rights.unregister(socket)
        self.presence.leave(socket)
        for group in list(groups):
            self.leave(group, socket)

    def _give_up_if_deserted(self, stream: Stream) -> None:
        if stream.is_deserted:
            asyncio.get_running_loop().call_later(LINGER, self._abandon, stream.group.name)

    def _abandon(self, name: str) -> None:
        stream = self._streams.get(name)
        if stream is not None and stream.is_deserted:
            self._nursery.start(self._unsubscribe(name), "hub unsubscribe")

    async def _unsubscribe(self, name: str) -> None:
        async with self._locks[name]:  # not between somebody's subscription and their hearing of it
            stream = self._streams.get(name)
            if stream is None or not stream.is_deserted:
                return
            del self._streams[name], self._audited[name]
            self._due.pop(name, None)
            await self._line.unsubscribe(name)
        if name not in self._streams:
            self._locks.pop(name, None)

    # What they hear.

    def _tell(self, envelope: Envelope) -> None:
        if stream := self._streams.get(envelope["to"]):
            stream.tell(envelope["number"], envelope.get("text"), envelope.get("only"))

    def _hurry(self, change: control.Change) -> None:
        """Notices are told of by control too: what is withdrawn is gone within two seconds, whatever the layer does."""
        if change.what == control.NOTICES and (stream := self._streams.get(groups.notices(change.key).name)):
            stream.check(int(change.subject))

    async def _audit(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AUDIT):
                    await self._audit_all.wait()
            everything = self._audit_all.is_set()
            self._audit_all.clear()
            try:
                await self._audit_once(monotonic(), everything)
            except Exception as error:  # the database is away: what was missed is found when it is back
                log.warning("the audit could not be made: %r", error)
                if everything:
                    self._audit_all.set()
                    await asyncio.sleep(AUDIT)

    async def _audit_once(self, now: float, everything: bool) -> None:
        """One statement for each kind of stream and some fifty organisations."""
        wanted: defaultdict[Heads, defaultdict[Space, list[str]]] = defaultdict(lambda: defaultdict(list))
        audited = []
        for group, stream in self._streams.items():
            if everything or now - stream.last_traffic < AUDIT_QUIET or now >= self._due.get(group, 0.0):
                space, heads, name = self._audited[group]
                wanted[heads][space].append(name)
                audited.append((stream, space.key, name))
        found: dict[tuple[str, str], int] = {}
        for heads, asked in wanted.items():
            found |= await heads(asked)
        for stream, key, name in audited:
            self._due[stream.group.name] = now + random.uniform(AUDIT_QUIET / 2, AUDIT_QUIET)
            if stream.check(found.get((key, name), 0)) and self._line.is_well:
                await self._line.subscribe(stream.group.name)  # the layer may have forgotten us


hub = Hub()
