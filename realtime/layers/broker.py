"""What our layers need of a broker: the plug between them, and PostgreSQL or Redis."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

from realtime.layers.letters import Address
from realtime.layers.mailboxes import Mailboxes

logger = logging.getLogger(__name__)


class Broker(ABC):
    """One event loop's way to a broker and back. What is heard goes to the mailboxes, if they want it.

    Looks after its connections itself: a lost one is made anew, and whoever asked is told that there was a gap.
    """

    def __init__(self, mailboxes: Mailboxes) -> None:
        self.mailboxes = mailboxes
        self._on_gap: list[Callable[[], None]] = []

    @abstractmethod
    async def hear(self, to: Address) -> None:
        """Returns once everything is heard that is published to this address from now on, and nothing is to come that
        was published before. Raises ConnectionError. To be called for every reason to hear it, and `ignore` for every
        one that has ended."""

    @abstractmethod
    def ignore(self, to: Address) -> None:
        """One reason less to hear what is published to this address. Never raises."""

    @abstractmethod
    def publish(self, to: Address, body: bytes, *, at_once: bool = True) -> asyncio.Future[None]:
        """Sends it after all that this loop has published before, without waiting. The future is done when the broker
        has it, or holds what kept it from that. Unless it is to go `at_once`, it may rest first (layers/pacing.py), and
        then shares the future with what has gone with it: nobody may cancel that."""

    @abstractmethod
    async def close(self) -> None:
        """Ends the connections. What has not been sent fails."""

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call this whenever something may have been missed."""
        self._on_gap.append(callback)

    def tell_gap(self) -> None:
        for callback in self._on_gap:
            try:
                callback()
            except Exception:
                logger.exception("A callback for gaps has failed.")
