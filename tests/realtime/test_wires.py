"""The way out of a socket: one frame for all, and through any server that speaks ASGI."""

import asyncio
from typing import Any

import pytest
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode

from realtime import wires
from realtime.frames import Batch, Frame
from realtime.wires import AsgiWire
from tests.realtime.ears import until


class Owner:
    def __init__(self) -> None:
        self.said: list[str] = []

    def take(self, text: str) -> bool:
        return False

    def clogged(self) -> None:
        self.said.append("clogged")

    def behind(self) -> None:
        self.said.append("behind")

    def drained(self) -> None:
        self.said.append("drained")

    def farewell(self, retry_after: float) -> None:
        self.said.append("farewell")

    def over(self) -> None:
        self.said.append("over")


class Server:
    """Takes what it is given: at once, or when it may."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.may = asyncio.Event()
        self.may.set()
        self.client_has_gone = False

    async def send(self, message: Any) -> None:
        await self.may.wait()
        if self.client_has_gone:
            raise OSError("the client has gone")
        self.taken.append(message)

    def texts(self) -> list[str]:
        return [message["text"] for message in self.taken if message["type"] == "websocket.send"]


def batch(*texts: str) -> Batch:
    return Batch([Frame(text) for text in texts])


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_000])
def test_a_frame_is_as_another_library_makes_it(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    theirs = TheirFrame(Opcode.TEXT, text.encode()).serialize(mask=False)
    assert Frame(text).wire == theirs


def test_frames_that_share_a_write_are_frames_one_after_the_other() -> None:
    texts = ("a", "שלום", "b" * 300)
    assert batch(*texts).wire == b"".join(
        TheirFrame(Opcode.TEXT, text.encode()).serialize(mask=False) for text in texts
    )


async def test_a_server_that_takes_everything_at_once_costs_no_task() -> None:
    server, owner = Server(), Owner()
    wire = AsgiWire(server.send, owner)
    before = len(asyncio.all_tasks())
    wire.write(batch("a", "b"))
    assert server.texts() == ["a", "b"]
    assert server.taken[0]["type"] == "websocket.accept"
    assert len(asyncio.all_tasks()) == before
    assert owner.said == []


async def test_all_sockets_are_given_the_same_message() -> None:
    one, other, said = Server(), Server(), batch("a")
    for server in (one, other):
        AsgiWire(server.send, Owner()).write(said)
    assert one.taken[-1] is other.taken[-1]


async def test_a_server_that_makes_us_wait_gets_everything_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "MOST_WAITING", 50)
    server, owner = Server(), Owner()
    server.may.clear()
    wire = AsgiWire(server.send, owner)
    for number in range(100):
        wire.write(batch(str(number)))
    wire.close(4408, "too slow")
    assert owner.said == ["behind"]
    assert wire.unsent() > 50
    server.may.set()
    await until(lambda: len(server.taken) == 102)
    assert server.texts() == [str(number) for number in range(100)]
    assert server.taken[-1] == {"type": "websocket.close", "code": 4408, "reason": "too slow"}
    await until(lambda: owner.said == ["behind", "drained"])
    assert wire.unsent() == 0


async def test_a_client_that_has_gone_is_told_of_once_and_nothing_is_raised() -> None:
    server, owner = Server(), Owner()
    wire = AsgiWire(server.send, owner)
    wire.write(batch("a"))
    server.client_has_gone = True
    wire.write(batch("b"))
    wire.write(batch("c"))
    assert owner.said == ["over"]


async def test_a_client_that_goes_while_we_wait_is_told_of_too() -> None:
    server, owner = Server(), Owner()
    server.may.clear()
    wire = AsgiWire(server.send, owner)
    wire.write(batch("a", "b"))
    server.client_has_gone = True
    server.may.set()
    await until(lambda: owner.said == ["over"])
    wire.write(batch("c"))
    assert server.texts() == []
