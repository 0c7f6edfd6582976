"""Sockets come and go while another organisation talks: who is given the place of somebody gone, in the kernel's table
of open files, hears nothing of what was theirs."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from tests.altered import Altered
from tests.cast import Org
from tests.chaos.size import sized
from tests.lean import Entrance, Lean

ROUNDS = sized(15, 100)
SEATS = 20


@pytest.mark.parametrize("io_uring", ["auto", "off"])
@pytest.mark.timeout(sized(180, 900))
async def test_who_takes_the_place_of_somebody_gone_hears_nothing_of_theirs(
    database: str, tmp_path: Path, acme: Org, globex: Org, io_uring: str
) -> None:
    more = {"DATABASE_URL": database, "CONCLAVE_LIMITS": "unlimited", "PATIENCE": "600", "CONCLAVE_IO_URING": io_uring}
    with Altered("tests.chaos.impatient", tmp_path, **more) as server:
        async with Entrance(server) as entrance:
            speaker, stranger = await entering(entrance, acme), await entering(entrance, globex)
            talk = asyncio.create_task(talking(speaker))
            taken = set[int]()  # places of acme's that globex had after it
            for _ in range(ROUNDS):
                ours = await asyncio.gather(*(entering(entrance, acme) for _ in range(SEATS)))
                for socket in ours:
                    await socket.hears(lambda socket=socket: bool(said(socket)))  # type: ignore[misc]
                held = places(server)
                for socket in ours:
                    socket.cut()
                theirs = await asyncio.gather(*(entering(entrance, globex) for _ in range(SEATS)))
                taken |= {place for place, socket in places(server).items() if held.get(place, socket) != socket}
                assert (await stranger.asks("signal", room="general", data={"of": "globex"}))["on"] == "ack"
                for socket in theirs:
                    await socket.hears(lambda socket=socket: bool(said(socket)))  # type: ignore[misc]
                    assert said(socket) == ["globex"]
                    socket.cut()
            assert not talk.done(), "acme talked all the time"
            talk.cancel()
            assert said(stranger) == ["globex"] * ROUNDS
            assert len(taken) >= SEATS
            assert "Traceback" not in server.said


async def entering(entrance: Entrance, org: Org) -> Lean:
    socket = await entrance.opens(org, by=org.owner)
    assert (await socket.asks("hello"))["on"] == "ack"
    return socket


async def talking(speaker: Lean) -> None:
    while True:
        assert (await speaker.asks("signal", room="general", data={"of": "acme"}))["on"] == "ack"


def said(socket: Lean) -> list[str]:
    return [frame["data"]["of"] for frame in socket.others if frame["on"] == "signal"]


def places(server: Altered) -> dict[int, str]:
    """The numbers of its open files, and what each of them is just now: the kernel names every socket anew."""
    found = {}
    for each in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found[int(each.name)] = os.readlink(each)
    return found
