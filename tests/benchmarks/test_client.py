"""The generator's sockets, over real ones."""

import socket
import time

from benchmarks.client import READABLE, Ears, Socket


def test_all_that_has_come_is_read_before_any_of_it_is_looked_at() -> None:
    """What one has to say makes nobody else's news look late."""
    ears, read, looked_at = Ears(), list[int](), list[int]()

    def hear(text: bytes, now: int) -> None:
        looked_at.append(time.monotonic_ns())
        read.append(now)

    ends = [socket.socketpair() for _ in range(10)]
    try:
        for ours, theirs in ends:
            ours.setblocking(False)
            ears._sockets[ours.fileno()] = Socket(ours, b"", hear, lambda code, reason: None, ears._epoll)
            ears._epoll.register(ours.fileno(), READABLE)
            theirs.sendall(b"\x81\x02hi\x81\x03you")
        while len(read) < 20:
            ears.turn(1.0)
        assert max(read) <= min(looked_at)
    finally:
        for end in (each for pair in ends for each in pair):
            end.close()
        ears._epoll.close()
