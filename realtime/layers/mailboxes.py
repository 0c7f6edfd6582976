"""The channels and groups of one event loop: bounded mailboxes, and who is in which group."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import msgpack

from realtime.layers.letters import Address, Kind

logger = logging.getLogger(__name__)

Hear = Callable[[dict[str, Any]], None]

# A consumer that was killed never leaves its groups. Channels ends a membership after a day.
GROUP_EXPIRY = 86_400.0


class Mailbox:
    """The unread messages of one channel, oldest first: at most `capacity`, none older than `expiry` seconds."""

    def __init__(self, capacity: int, expiry: float) -> None:
        self.groups: set[str] = set()
        self._capacity = capacity
        self._expiry = expiry
        self._unread: deque[tuple[float, bytes]] = deque()
        self._arrived = asyncio.Event()
        self._readers = 0
        self._read_at = monotonic()
        self._neglected = False

    def put(self, body: bytes) -> None:
        """Drops the message when the mailbox is full: a slow reader harms only itself."""
        if not self.full():
            self._unread.append((monotonic() + self._expiry, body))
            self._arrived.set()

    async def take(self) -> bytes:
        """Waits for a message; cancelling it loses none."""
        self._readers += 1
        try:
            while self.empty():
                self._arrived.clear()
                await self._arrived.wait()
            return self._unread.popleft()[1]
        finally:
            self._readers -= 1
            self._read_at, self._neglected = monotonic(), False

    def full(self) -> bool:
        self._drop_expired()
        return len(self._unread) >= self._capacity

    def empty(self) -> bool:
        self._drop_expired()
        return not self._unread

    def clear(self) -> None:
        self._unread.clear()
        self.groups.clear()

    def abandoned(self) -> bool:
        """An event has gone unread for its whole life, or all have for a day: whoever joined the groups is gone."""
        self._drop_expired()
        return self._unread_for() > (self._expiry if self._neglected else GROUP_EXPIRY)

    def disposable(self) -> bool:
        return self.empty() and not self.groups and self._unread_for() > self._expiry

    def _unread_for(self) -> float:
        return 0.0 if self._readers else monotonic() - self._read_at

    def _drop_expired(self) -> None:
        while self._unread and self._unread[0][0] < monotonic():
            self._unread.popleft()
            self._neglected = True


class Mailboxes:
    """Belongs to one event loop; not safe to share between threads."""

    def __init__(self, capacity: Callable[[str], int], expiry: float) -> None:
        self._capacity = capacity
        self._expiry = expiry
        self._boxes: dict[str, Mailbox] = {}
        self._members: dict[str, set[str]] = {}
        self._attached: dict[str, Hear] = {}
        self._looked_at = monotonic()
        self.left: Callable[[str], None] = lambda group: None
        """Called for every membership of a group, and everything attached to one, that has ended."""

    def open(self, channel: str) -> Mailbox:
        if channel not in self._boxes:
            if monotonic() - self._looked_at > self._expiry:
                self.forget_abandoned()
            self._boxes[channel] = Mailbox(self._capacity(channel), self._expiry)
        return self._boxes[channel]

    def close(self, channel: str) -> None:
        for group in list(self.open(channel).groups):
            self.leave(group, channel)
        del self._boxes[channel]

    def full(self, channel: str) -> bool:
        return channel in self._boxes and self._boxes[channel].full()

    def join(self, group: str, channel: str) -> None:
        self.open(channel).groups.add(group)
        self._members.setdefault(group, set()).add(channel)

    def joined(self, group: str, channel: str) -> bool:
        return channel in self._members.get(group, ())

    def leave(self, group: str, channel: str) -> None:
        if self.joined(group, channel):
            self._boxes[channel].groups.discard(group)
            self._members[group].discard(channel)
            if not self._members[group]:
                del self._members[group]
            self.left(group)

    def attach(self, group: str, hear: Hear) -> bool:
        """Events of the group are handed to `hear`. True: to somebody else until now."""
        before = self._attached.get(group)
        self._attached[group] = hear
        return before is not None

    def detach(self, group: str) -> None:
        if self._attached.pop(group, None) is not None:
            self.left(group)

    def hand(self, group: str, message: dict[str, Any]) -> None:
        """To whoever is attached to the group."""
        if hear := self._attached.get(group):
            try:
                hear(message)
            except Exception:
                logger.exception("Whoever is attached to %s has failed.", group)

    def wants_echoes(self, kind: str) -> bool:
        """May anybody here want what was published here, in a group or to a channel? Asked before it is taken apart."""
        return kind != Kind.GROUP or bool(self._members)

    def wanted(self, to: Address, *, is_echo: bool) -> bool:
        """An echo is what was published here: it has been handed to whoever is attached."""
        if to.kind is Kind.GROUP:
            return to.name in self._members or (not is_echo and to.name in self._attached)
        return to.name in self._boxes

    def deliver(self, to: Address, body: bytes, *, is_echo: bool) -> None:
        if to.kind is Kind.CHANNEL:
            self._boxes[to.name].put(body)
            return
        if not is_echo and to.name in self._attached:
            self.hand(to.name, msgpack.unpackb(body, strict_map_key=False))
        for name in self._members.get(to.name, ()):
            self._boxes[name].put(body)

    def clear(self) -> None:
        """Whoever is reading goes on to read: the mailboxes stay, empty and in no group."""
        for channel, box in self._boxes.items():
            for group in list(box.groups):
                self.leave(group, channel)
            box.clear()
        for group in list(self._attached):
            self.detach(group)

    def forget_abandoned(self) -> None:
        self._looked_at = monotonic()
        for channel, box in list(self._boxes.items()):
            if box.abandoned():
                for group in list(box.groups):
                    self.leave(group, channel)
            if box.disposable():
                del self._boxes[channel]
