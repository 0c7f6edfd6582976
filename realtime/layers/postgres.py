"""A channel layer over PostgreSQL's LISTEN and NOTIFY, without a table of members: each process hears an event once."""

import asyncio
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgpack
from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from realtime.layers.letters import Address, Kind
from realtime.layers.listening import Listener
from realtime.layers.mailboxes import Mailbox, Mailboxes
from realtime.layers.names import require_channel, require_group
from realtime.layers.publishing import Publisher

Message = dict[str, Any]
MARK = b"."


class PostgresChannelLayer(BaseChannelLayer):
    """Groups live in the process, so a message goes through PostgreSQL once, however many listen.

    Promises: what one sender sends arrives in that order; nothing arrives twice; `send` and `group_send` return after
    the commit and raise when it fails; a lost connection is made anew, and `on_gap` tells that messages may have been
    missed. Limits: a channel is read by the process that made it, and only it can add the channel to a group; names
    without `!` keep nothing for a reader that comes later. Every event loop that listens holds one session, every one
    that publishes another; both must reach PostgreSQL itself or a pooler in session mode, for LISTEN needs that.
    """

    extensions: ClassVar = ["groups", "flush"]

    def __init__(
        self,
        dsn: str,
        prefix: str = "conclave",
        capacity: int = 100,
        expiry: float = 60,
        channel_capacity: dict[str, int] | None = None,
    ) -> None:
        super().__init__(expiry=expiry, capacity=capacity)
        self.channel_capacity = self.compile_capacities(channel_capacity or {})
        self._dsn = dsn
        # Identifiers of PostgreSQL are cut off after 63 bytes.
        self._notified = "conclave_" + hashlib.sha256(prefix.encode()).hexdigest()[:32]
        self._posts: dict[asyncio.AbstractEventLoop, _Post] = {}

    async def new_channel(self, prefix: str = "specific") -> str:
        post = await self._listening()
        channel = f"{prefix}.{post.name}!{uuid.uuid4().hex}"
        require_channel(channel)
        post.mailboxes.open(channel)
        return channel

    async def send(self, channel: str, message: Message) -> None:
        """Raises ChannelFull where this process can know; what reaches a full channel of another process is dropped."""
        require_channel(channel)
        post = self._post()
        if post.mailboxes.full(channel):
            raise ChannelFull(channel)
        await post.publisher.publish(Address(Kind.CHANNEL, channel), packed(message))

    async def receive(self, channel: str) -> Message:
        require_channel(channel)
        post = await self._listening()
        post.require_own(channel)
        return unpacked(await post.mailboxes.open(channel).take())

    async def group_add(self, group: str, channel: str) -> None:
        """What was published to the group before this call is not heard, what is published after its return is."""
        require_group(group)
        require_channel(channel)
        post = await self._listening()
        post.require_own(channel)
        if not post.mailboxes.joined(group, channel):
            await post.catch_up()
            post.mailboxes.join(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        require_group(group)
        require_channel(channel)
        self._post().mailboxes.leave(group, channel)

    async def group_send(self, group: str, message: Message) -> None:
        """Members whose mailbox is full do not get it."""
        require_group(group)
        await self._post().publisher.publish(Address(Kind.GROUP, group), packed(message))

    async def flush(self) -> None:
        """Empties the channels and groups of this event loop; those of others are theirs."""
        self._post().mailboxes.clear()

    async def close(self) -> None:
        """Ends the sessions of this event loop; the next use makes new ones."""
        post = self._posts.pop(asyncio.get_running_loop(), None)
        if post is not None:
            await post.close()

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Calls back in this event loop whenever messages may have been missed: read what matters from the database."""
        self._post().listener.on_gap(callback)

    async def _listening(self) -> "_Post":
        post = self._post()
        await post.listener.listening()
        return post

    def _post(self) -> "_Post":
        loop = asyncio.get_running_loop()
        if loop not in self._posts:
            # async_to_sync makes an event loop for each call.
            for old in [old for old in list(self._posts) if old.is_closed()]:
                self._posts.pop(old, None)
            mailboxes = Mailboxes(self.get_capacity, self.expiry)
            listener = Listener(self._dsn, self._notified, mailboxes)
            self._posts[loop] = _Post(mailboxes, listener, Publisher(self._dsn, self._notified))
        return self._posts[loop]


@dataclass(frozen=True)
class _Post:
    """All that belongs to one event loop; its tasks close their sessions when the loop cancels them."""

    mailboxes: Mailboxes
    listener: Listener
    publisher: Publisher
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    markers: set[Mailbox] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.listener.on_gap(self.release_markers)

    async def catch_up(self) -> None:
        """Returns when everything published before has been delivered here: a marker is published, and comes last."""
        channel = f"marker.{self.name}!{uuid.uuid4().hex}"
        marker = self.mailboxes.open(channel)
        self.markers.add(marker)
        try:
            await self.publisher.publish(Address(Kind.CHANNEL, channel), MARK)
            await marker.take()
        finally:
            self.markers.discard(marker)
            self.mailboxes.close(channel)

    def release_markers(self) -> None:
        """What was published before a gap will not come any more, nor will markers."""
        for marker in self.markers:
            marker.put(MARK)

    def require_own(self, channel: str) -> None:
        if "!" in channel and f".{self.name}!" not in channel:
            raise ValueError(f"{channel} belongs to another process: only its own can read it or join it to a group.")

    async def close(self) -> None:
        await self.listener.close()
        await self.publisher.close()


def packed(message: Message) -> bytes:
    if not isinstance(message, dict):
        raise TypeError(f"A message is a dict, not {type(message).__name__}.")
    return bytes(msgpack.packb(message))


def unpacked(body: bytes) -> Message:
    message: Message = msgpack.unpackb(body, strict_map_key=False)
    return message
