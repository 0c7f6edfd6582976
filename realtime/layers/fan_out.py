"""Channel layers of our own: groups live in the process, so an event passes through the broker once, however many
listen. What differs between brokers is in `Broker`; everything else is here."""

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import msgpack
from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from realtime.layers.broker import Broker
from realtime.layers.letters import Address, Kind
from realtime.layers.mailboxes import Mailboxes
from realtime.layers.names import require_channel, require_group

Message = dict[str, Any]


class FanOutChannelLayer(BaseChannelLayer, ABC):
    """Channels' interface, and an extension for those who pass events on to many sockets by themselves.

    Promises: what one sender sends arrives in that order; nothing arrives twice; `send` and `group_send` return when
    the broker has the event and raise when it has not; a lost connection is made anew, and `on_gap` tells that events
    may have been missed. Limits: a channel is read by the process that made it, and only it can add the channel to a
    group; names without `!` keep nothing for a reader that comes later. Works on any number of event loops, each with
    connections of its own, which end with it.

    The extension `fan-out`: `attach` hands every event of a group to a function, at once and without a channel, a queue
    or a task; `publish` sends without waiting.
    """

    extensions: ClassVar = ["groups", "flush", "fan-out"]

    inline_bytes: int | None = None
    """A packed event that is longer costs a detour: better to say where it can be read."""

    def __init__(
        self, *, capacity: int = 100, expiry: float = 60, channel_capacity: dict[str, int] | None = None
    ) -> None:
        super().__init__(expiry=expiry, capacity=capacity)
        self.channel_capacity = self.compile_capacities(channel_capacity or {})
        self._posts: dict[asyncio.AbstractEventLoop, _Post] = {}

    @abstractmethod
    def connected(self, mailboxes: Mailboxes) -> Broker:
        """A way to the broker for the running event loop. Connects when it is first used."""

    # Channels.

    async def new_channel(self, prefix: str = "specific") -> str:
        post = self._post()
        channel = f"{prefix}.{post.name}!{uuid.uuid4().hex}"
        require_channel(channel)
        await post.hear_channel(channel)
        return channel

    async def send(self, channel: str, message: Message) -> None:
        """Raises ChannelFull where this process can know; what reaches a full channel of another process is dropped."""
        require_channel(channel)
        post = self._post()
        if post.mailboxes.full(channel):
            raise ChannelFull(channel)
        await post.broker.publish(Address(Kind.CHANNEL, channel), packed(message))

    async def receive(self, channel: str) -> Message:
        require_channel(channel)
        post = self._post()
        post.require_own(channel)
        await post.hear_channel(channel)
        return unpacked(await post.mailboxes.open(channel).take())

    # Groups.

    async def group_add(self, group: str, channel: str) -> None:
        """What was published to the group before this call is not heard, what is published after its return is."""
        require_group(group)
        require_channel(channel)
        post = self._post()
        post.require_own(channel)
        await post.hear_channel(channel)
        if not post.mailboxes.joined(group, channel):
            await post.broker.hear(Address(Kind.GROUP, group))
            if post.mailboxes.joined(group, channel):  # somebody else did the same meanwhile
                post.broker.ignore(Address(Kind.GROUP, group))
            post.mailboxes.join(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        require_group(group)
        require_channel(channel)
        self._post().mailboxes.leave(group, channel)

    async def group_send(self, group: str, message: Message) -> None:
        """Members whose mailbox is full do not get it."""
        await self._publish(group, message, at_once=True)

    # Fan-out.

    async def attach(self, group: str, hear: Callable[[Message], None]) -> None:
        """From the return of this call on, `hear` is called with every event that is sent to the group; at once with
        what is sent on this event loop, whatever becomes of it in the broker. It must neither block nor change the
        event; what it raises is logged. One for each group: another call puts another in its place."""
        require_group(group)
        post = self._post()
        await post.broker.hear(Address(Kind.GROUP, group))
        if post.mailboxes.attach(group, hear):
            post.broker.ignore(Address(Kind.GROUP, group))

    async def detach(self, group: str) -> None:
        self._post().mailboxes.detach(group)

    def publish(self, group: str, message: Message) -> asyncio.Future[None]:
        """group_send without waiting, after all that was published before. The future is done when the broker has the
        event, or holds what kept it from that: whoever lets go of it must have looked. Where much is published, other
        processes hear it up to ten milliseconds later, with what comes meanwhile; then one future is that of all."""
        return self._publish(group, message, at_once=False)

    def _publish(self, group: str, message: Message, *, at_once: bool) -> asyncio.Future[None]:
        require_group(group)
        body, post = packed(message), self._post()
        published = post.broker.publish(Address(Kind.GROUP, group), body, at_once=at_once)
        post.mailboxes.hand(group, message)
        return published

    # Life.

    async def flush(self) -> None:
        """Empties the channels and groups of this event loop; those of others are theirs."""
        self._post().mailboxes.clear()

    async def close(self) -> None:
        """Ends the connections of this event loop; the next use makes new ones."""
        post = self._posts.pop(asyncio.get_running_loop(), None)
        if post is not None:
            await post.broker.close()

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Calls back in this event loop whenever events may have been missed: read what matters from the database."""
        self._post().broker.on_gap(callback)

    def _post(self) -> "_Post":
        loop = asyncio.get_running_loop()
        post = self._posts.get(loop)
        if post is None:
            # async_to_sync makes an event loop for each call.
            for old in [old for old in list(self._posts) if old.is_closed()]:
                self._posts.pop(old, None)
            post = self._posts[loop] = _Post(Mailboxes(self.get_capacity, self.expiry), self.connected)
        return post


class _Post:
    """All that belongs to one event loop."""

    def __init__(self, mailboxes: Mailboxes, connected: Callable[[Mailboxes], Broker]) -> None:
        self.name = uuid.uuid4().hex
        self.mailboxes = mailboxes
        self.broker = connected(mailboxes)
        mailboxes.left = lambda group: self.broker.ignore(Address(Kind.GROUP, group))
        self._heard: set[str] = set()  # topics of channels that are read here

    async def hear_channel(self, channel: str) -> None:
        to = Address(Kind.CHANNEL, channel)
        if to.topic not in self._heard:
            await self.broker.hear(to)
            self._heard.add(to.topic)
        self.mailboxes.open(channel)

    def require_own(self, channel: str) -> None:
        if "!" in channel and f".{self.name}!" not in channel:
            raise ValueError(f"{channel} belongs to another process: only its own can read it or join it to a group.")


def packed(message: Message) -> bytes:
    if not isinstance(message, dict):
        raise TypeError(f"A message is a dict, not {type(message).__name__}.")
    return bytes(msgpack.packb(message))


def unpacked(body: bytes) -> Message:
    message: Message = msgpack.unpackb(body, strict_map_key=False)
    return message
