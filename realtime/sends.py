"""The shortest way out: the same bytes to many sockets, past the transports, whose objects are many and far between in
memory (0.8 of 6.3 us for each of a thousand). No socket is waited for."""

import logging
import os
from array import array
from typing import Protocol

from django.conf import settings

from realtime.ring import Ring

log = logging.getLogger("conclave.sends")


class Sender(Protocol):
    """For one thread."""

    @property
    def holds_interpreter(self) -> bool:
        """Do threads that wait for the interpreter not get it at every socket?"""

    def orders(self, descriptors: "array[int]") -> "array[int]":
        """These sockets, as `send` takes them; as long as none of them is closed."""

    def send(self, orders: "array[int]", some: range, wire: bytes) -> list[tuple[int, int]]:
        """`wire` to `some` of those in `orders`. Returns those that did not take it all: their places, and how many
        bytes they took."""


class Writes:
    """A call of the kernel for each."""

    holds_interpreter = False

    def orders(self, descriptors: "array[int]") -> "array[int]":
        return descriptors

    def send(self, orders: "array[int]", some: range, wire: bytes) -> list[tuple[int, int]]:
        failed, length = [], len(wire)
        for place, descriptor in zip(some, orders[some.start : some.stop], strict=True):
            try:
                taken = os.write(descriptor, wire)
            except OSError:
                taken = 0
            if taken < length:
                failed.append((place, taken))
        return failed


def best() -> Sender:
    """What the kernel lets us have, and the operator. Containers often forbid io_uring, and some systems do."""
    if not settings.IO_URING:
        return Writes()
    try:
        return Ring()
    except OSError as error:
        log.info("sockets are written to one by one: %s", error)
        return Writes()
