"""Somebody stops reading while others talk: nobody else notices, nothing piles up, and nothing is missing when they
read on."""

import asyncio
import secrets
from pathlib import Path

import pytest

from realtime.chat import rooms
from tests.altered import Altered
from tests.cast import Member, Org
from tests.chaos.size import sized
from tests.lean import Entrance, Lean

SOCKETS = sized(40, 100)
SMALL_ONES = sized(200, 2000)
LARGE_ONES = sized(500, 3000)
LARGE = "世" * 16_000  # 48 KB on the wire, the most that may be said at once
GROWTH = 16  # MB that the server may grow by while somebody does not read; what it has for them is more
FILLING = 200  # large ones, more than the kernel's buffers take
SIGNALS = 4_000  # of 2 KB each, as many bytes as that


def impatient(folder: Path, database: str, patience: float, **more: str) -> Altered:
    return Altered(
        "tests.chaos.impatient",
        folder,
        DATABASE_URL=database,
        CONCLAVE_LIMITS="unlimited",
        PATIENCE=str(patience),
        **more,
    )


@pytest.fixture
def acme(acme: Org) -> Org:
    acme.inside(lambda: rooms.open(acme.owner.actor, "Large", "large"))
    return acme


@pytest.fixture
def bob(acme: Org) -> Member:
    return acme.add("bob")


@pytest.mark.timeout(sized(180, 900))
async def test_who_stops_reading_harms_nobody_and_has_everything_when_they_read_on(
    database: str, tmp_path: Path, acme: Org, bob: Member
) -> None:
    with impatient(tmp_path, database, 600) as server:
        async with Entrance(server) as entrance:
            others = [await hearing(entrance, acme, acme.owner, "general") for _ in range(SOCKETS - 2)]
            neighbour = await hearing(entrance, acme, acme.owner, "general", "large")
            slow = await hearing(entrance, acme, bob, "general", "large", small=True)
            speakers = [await entrance.opens(acme, by=acme.owner) for _ in range(5)]
            await say(speakers, "large", LARGE, 20)  # what serving costs at all is in memory now
            await slow.hears_up_to("large", 20)
            before = memory(server)

            slow.stops_reading()
            talk = asyncio.gather(
                say(speakers[:4], "large", LARGE, LARGE_ONES), say(speakers[4:], "general", "small", SMALL_ONES)
            )
            most = before
            while not talk.done():
                await asyncio.wait([talk], timeout=0.05)
                most = max(most, memory(server))
            await talk
            for socket in others:
                await has_all(socket, general=SMALL_ONES)
            await has_all(neighbour, general=SMALL_ONES, large=20 + LARGE_ONES)
            assert slow.at("large") < LARGE_ONES, "it was really behind"
            assert most - before < GROWTH, f"grew by {most - before} MB"

            slow.reads_again()
            await has_all(slow, general=SMALL_ONES, large=20 + LARGE_ONES)
            await say(speakers, "general", "and on", 1)
            await has_all(slow, general=SMALL_ONES + 1)


@pytest.mark.parametrize("io_uring", ["auto", "off"])
@pytest.mark.timeout(180)
async def test_signals_to_who_stops_reading_are_lost_to_them_alone_and_none_in_part(
    database: str, tmp_path: Path, acme: Org, bob: Member, io_uring: str
) -> None:
    """A crowd's signals are written past its transports: no word may get into the middle of another that waits there.
    What comes is read as frames of JSON, and `from` tells who."""
    with impatient(tmp_path, database, 600, CONCLAVE_IO_URING=io_uring) as server:
        async with Entrance(server) as entrance:
            others = [await hearing(entrance, acme, acme.owner, "general") for _ in range(3)]
            slow = await hearing(entrance, acme, bob, "general", small=True)
            speaker = await entrance.opens(acme, by=acme.owner)
            await speaker.asks("hello")
            slow.stops_reading()
            for number in range(SIGNALS):
                await signal(speaker, number)
            for socket in others:
                await socket.hears(lambda socket=socket: signals(socket) == list(range(SIGNALS)))  # type: ignore[misc]

            slow.reads_again()
            number = SIGNALS
            while max(signals(slow), default=0) < SIGNALS:
                await signal(speaker, number)
                number += 1
            heard = signals(slow)
            assert heard == sorted(set(heard))
            assert len(heard) < number, "it was really behind"
            assert not slow.closed.done()


async def signal(speaker: Lean, number: int) -> None:
    answer = await speaker.asks("signal", room="general", data={"number": number, "text": "x" * 1900})
    assert answer["on"] == "ack", answer


def signals(socket: Lean) -> list[int]:
    return [frame["data"]["number"] for frame in socket.others if frame["on"] == "signal"]


async def test_who_does_not_read_in_time_is_told_so_and_may_come_back(
    database: str, tmp_path: Path, acme: Org, bob: Member
) -> None:
    with impatient(tmp_path, database, 0.1, CLOSE_TIMEOUT="600") as server:
        async with Entrance(server) as entrance:
            slow = await hearing(entrance, acme, bob, "large", small=True)
            speakers = [await entrance.opens(acme, by=acme.owner) for _ in range(4)]
            slow.stops_reading()
            await say(speakers, "large", LARGE, FILLING)
            slow.reads_again()
            assert await slow.closed == 4408
            heard = slow.numbers["large"]
            assert heard == list(range(1, len(heard) + 1))
            assert len(heard) < FILLING
            again = await hearing(entrance, acme, bob, "large", since=len(heard))
            await again.hears_up_to("large", FILLING)
            assert again.numbers["large"] == list(range(len(heard) + 1, FILLING + 1))


async def test_who_never_reads_again_does_not_keep_the_connection(
    database: str, tmp_path: Path, acme: Org, bob: Member
) -> None:
    with impatient(tmp_path, database, 0.1, CLOSE_TIMEOUT="0.1") as server:
        async with Entrance(server) as entrance:
            slow = await hearing(entrance, acme, bob, "large", small=True)
            speakers = [await entrance.opens(acme, by=acme.owner) for _ in range(4)]
            slow.stops_reading()
            port = slow.port
            assert is_held(server, port)
            await say(speakers, "large", LARGE, FILLING)
            while is_held(server, port):
                await asyncio.sleep(0.05)
            assert (await speakers[0].asks("post", room="large", client_id="still", message="here"))["on"] == "ack"


async def hearing(entrance: Entrance, org: Org, who: Member, *rooms: str, since: int = 0, small: bool = False) -> Lean:
    socket = await entrance.opens(org, by=who, small=small)
    for room in rooms:
        assert (await socket.asks("join", room=room, since=since))["on"] == "ack"
    return socket


async def say(speakers: list[Lean], room: str, words: str, count: int) -> None:
    """So many messages, by these sockets at the same time."""
    turns = iter(range(count))

    async def speak(socket: Lean) -> None:
        for _ in turns:
            answer = await socket.asks("post", room=room, client_id=secrets.token_hex(8), message=words)
            assert answer["on"] == "ack", answer

    await asyncio.gather(*map(speak, speakers))


async def has_all(socket: Lean, **rooms: int) -> None:
    for room, count in rooms.items():
        await socket.hears_up_to(room, count)
        assert socket.numbers[room] == list(range(1, count + 1))


def memory(server: Altered) -> float:
    """Resident, in MB."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def is_held(server: Altered, port: int) -> bool:
    """Has the server's end of the connection from this port, by what the kernel says, a process still?"""
    here, there = f"0100007F:{server.port:04X}", f"0100007F:{port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(line[1] == here and line[2] == there and line[9] != "0" for line in lines)
