"""Linux's io_uring, as far as sending needs it: one call of the kernel for many sockets, where a write is a call each.
A signal to a thousand costs 5.9 CPU seconds per million deliveries, all included, instead of 6.8 (conclave bench fanout
--scenarios F, with CONCLAVE_IO_URING as it comes and off).

The words and their places are those of the kernel's include/uapi/linux/io_uring.h; man 7 io_uring tells how the two
rings are used. Nothing is ever left under way: a send that cannot be done at once fails.
"""

import ctypes
import errno
import mmap
import os
import socket
import sys
import weakref
from array import array

MOST = 256  # sends of one call; a power of two
LONGEST = 64 * 1024  # bytes that can be sent

_SETUP, _ENTER = 425, 426
_SEND = 26  # IORING_OP_SEND
_NOW = getattr(socket, "MSG_DONTWAIT", 0) | getattr(socket, "MSG_NOSIGNAL", 0)
_LEAN = 0x3000  # one thread submits, and nothing happens behind its back: a tenth cheaper, since Linux 6.1
_GET_EVENTS = 1
_SINGLE_MMAP = 1
_ENTRIES_AT = 0x10000000  # where the submissions are mapped; the two rings are at 0
_ENTRY, _COMPLETION = 16, 4  # words of one
_AGAIN = {errno.EINTR, errno.EAGAIN, errno.EBUSY}


class Ring:
    """For one thread. Whoever sends holds the interpreter until the kernel has taken it all: database threads that wait
    for it do so once for a crowd, not once for each of its sockets."""

    holds_interpreter = True

    def __init__(self) -> None:
        """Raises OSError where the kernel has no io_uring, or forbids it to us."""
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "io_uring is Linux's")
        self._fd, params = _set_up()
        weakref.finalize(self, os.close, self._fd)
        if not params[5] & _SINGLE_MMAP:
            raise OSError(errno.ENOSYS, "this io_uring is too old")
        submitting, completing, self._completions = params[10:20], params[20:30], params[1]
        self._submitted_at = submitting[1] // 4
        self._seen_at, self._completed_at = completing[0] // 4, completing[1] // 4
        places, completions = submitting[6] // 4, completing[5] // 4
        words = max(places + MOST, completions + self._completions * _COMPLETION)
        self._words = memoryview(mmap.mmap(self._fd, words * 4)).cast("I")
        self._entries = memoryview(mmap.mmap(self._fd, MOST * _ENTRY * 4, offset=_ENTRIES_AT)).cast("I")
        self._words[places : places + MOST] = array("I", range(MOST))  # each entry has its own place in the ring
        self._results = self._words[completions : completions + self._completions * _COMPLETION].cast("B").cast("i")
        self._submitted = self._seen = 0  # both rings count on, modulo 2 ** 32
        self._wire = ctypes.create_string_buffer(LONGEST)

    def orders(self, descriptors: "array[int]") -> "array[int]":
        """What `send` takes: a submission for each of these sockets, but for its length."""
        count, address = len(descriptors), ctypes.addressof(self._wire)
        orders = array("I", bytes(count * _ENTRY * 4))
        orders[0::_ENTRY] = array("I", [_SEND]) * count
        orders[1::_ENTRY] = array("I", descriptors)
        orders[4::_ENTRY] = array("I", [address & 0xFFFFFFFF]) * count
        orders[5::_ENTRY] = array("I", [address >> 32]) * count
        orders[7::_ENTRY] = array("I", [_NOW]) * count
        return orders

    def send(self, orders: "array[int]", some: range, wire: bytes) -> list[tuple[int, int]]:
        """`wire`, of at most LONGEST bytes, to `some` of those in `orders`. Returns those that did not take it all:
        their places, and how many bytes they took."""
        ctypes.memmove(self._wire, wire, len(wire))
        failed = []
        for start in range(some.start, some.stop, MOST):
            stop = min(start + MOST, some.stop)
            entries = orders[start * _ENTRY : stop * _ENTRY]
            entries[6::_ENTRY] = array("I", [len(wire)]) * (stop - start)
            entries[8::_ENTRY] = array("I", range(start, stop))
            self._submit(entries, stop - start)
            failed += self._short_of(len(wire), stop - start)
        return failed

    def _submit(self, entries: "array[int]", count: int) -> None:
        at = self._submitted % MOST
        until_the_end = (MOST - at) * _ENTRY
        self._entries[at * _ENTRY : at * _ENTRY + min(len(entries), until_the_end)] = entries[:until_the_end]
        if len(entries) > until_the_end:
            self._entries[: len(entries) - until_the_end] = entries[until_the_end:]
        self._submitted = self._words[self._submitted_at] = (self._submitted + count) % 2**32
        left = count
        while left or self._arrived < count:
            try:
                left -= _call(_ENTER, self._fd, left, count, _GET_EVENTS)
            except OSError as error:
                if error.errno not in _AGAIN:
                    raise

    @property
    def _arrived(self) -> int:
        return (self._words[self._completed_at] - self._seen) % 2**32

    def _short_of(self, length: int, count: int) -> list[tuple[int, int]]:
        at = self._seen % self._completions
        results = self._results[at * _COMPLETION : (at + count) * _COMPLETION].tolist()
        if at + count > self._completions:
            results += self._results[: (at + count - self._completions) * _COMPLETION].tolist()
        self._seen = self._words[self._seen_at] = (self._seen + count) % 2**32
        taken = results[2::_COMPLETION]
        if taken.count(length) == count:
            return []
        places = results[0::_COMPLETION]
        return [(place, max(0, took)) for place, took in zip(places, taken, strict=True) if took < length]


def _set_up() -> tuple[int, "array[int]"]:
    """The file of a ring, and what the kernel says of it."""
    for flags in (_LEAN, 0):
        params = array("I", bytes(120))
        params[2] = flags
        try:
            return _call(_SETUP, MOST, params.buffer_info()[0]), params
        except OSError as error:
            if error.errno != errno.EINVAL or not flags:
                raise
    raise AssertionError("not reached")


def _call(number: int, *arguments: int) -> int:
    done: int = _syscall(number, *arguments, *[0] * (6 - len(arguments)))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


_syscall = ctypes.PyDLL(None, use_errno=True).syscall
_syscall.argtypes = [ctypes.c_long] * 7
_syscall.restype = ctypes.c_long
