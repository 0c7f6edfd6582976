"""The shortest way out, by both senders: every socket gets the same bytes or it is said how much it took, and nobody is
waited for."""

import os
import socket
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from django.test import override_settings

from realtime.ring import MOST, Ring
from realtime.sends import Sender, Writes, best

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[Callable[[int], list[Pair]]]:
    made = list[Pair]()

    def make(count: int) -> list[Pair]:
        made.extend(socket.socketpair() for _ in range(count))
        for ours, theirs in made:
            ours.setblocking(False)
            theirs.setblocking(False)
        return made

    yield make
    for ours, theirs in made:
        ours.close()
        theirs.close()


def places(pairs: list[Pair]) -> "array[int]":
    return array("i", (ours.fileno() for ours, _ in pairs))


def read(end: socket.socket) -> bytes:
    told = b""
    with suppress(BlockingIOError):
        while some := end.recv(1 << 20):
            told += some
    return told


def test_all_are_told_the_same_and_in_order(sender: Sender, pairs: Callable[[int], list[Pair]]) -> None:
    """More than go into one call, and often enough for the kernel's rings to come round."""
    crowd = pairs(MOST + 50)
    orders = sender.orders(places(crowd))
    said = [f"{number} ".encode() * (1 + number % 40) for number in range(20)]
    for words in said:
        assert sender.send(orders, range(len(crowd)), words) == []
    assert {read(theirs) for _, theirs in crowd} == {b"".join(said)}


def test_some_of_them_are_told_and_nobody_else(sender: Sender, pairs: Callable[[int], list[Pair]]) -> None:
    crowd = pairs(30)
    orders = sender.orders(places(crowd))
    assert sender.send(orders, range(10, 20), b"to ten") == []
    assert sender.send(orders, range(20, 20), b"to none") == []
    assert [read(theirs) for _, theirs in crowd] == [b""] * 10 + [b"to ten"] * 10 + [b""] * 10


def test_it_is_told_how_much_somebody_took_and_the_rest_never_follows(
    sender: Sender, pairs: Callable[[int], list[Pair]]
) -> None:
    crowd = pairs(3)
    full, _ = crowd[1]
    full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    orders = sender.orders(places(crowd))
    words, took = b"x" * 3000, 0
    while not (failed := sender.send(orders, range(3), words)):
        took += len(words)
        for _, theirs in (crowd[0], crowd[2]):
            assert read(theirs) == words
    ((place, taken),) = failed
    assert place == 1
    assert 0 <= taken < len(words)
    assert read(crowd[1][1]) == b"x" * (took + taken)
    assert sender.send(orders, range(3), b"and on") == []
    assert [read(theirs) for _, theirs in crowd] == [words + b"and on", b"and on", words + b"and on"]


def test_who_has_gone_is_told_of_and_keeps_nobody_else_from_hearing(
    sender: Sender, pairs: Callable[[int], list[Pair]]
) -> None:
    crowd = pairs(4)
    orders = sender.orders(places(crowd))
    crowd[0][1].close()  # the reader
    crowd[2][0].close()  # the socket itself: its number is nobody's
    assert sender.send(orders, range(4), b"word") == [(0, 0), (2, 0)]
    assert [read(crowd[place][1]) for place in (1, 3)] == [b"word", b"word"]


def test_io_uring_is_used_where_there_is_one_unless_the_operator_forbids_it() -> None:
    try:
        Ring()
    except OSError:
        expected: type[Sender] = Writes
    else:
        expected = Ring
    assert type(best()) is expected
    with override_settings(IO_URING=False):
        assert type(best()) is Writes


def test_a_ring_leaves_no_file_open() -> None:
    """Nor does one of which nothing is used."""
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        best()
    assert set(os.listdir("/proc/self/fd")) <= before
