"""The judge of a fan-out counts what there is to count, and the measurement still measures."""

import asyncio
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks import fanout
from benchmarks.fanout import judge as judges
from benchmarks.fanout.dialects import Rooms
from benchmarks.fanout.judge import Failed, judging, language
from benchmarks.fanout.scenarios import Crowd
from saas.machine import Machine

CROWD = Crowd(groups=2, members=5)
ORDER = "open 0 200 0.5"  # and as long to warm up: 100 messages in each of two groups
MESSAGES = 200


@pytest.fixture(params=["C", "Python"])
def in_either_language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python":
        monkeypatch.setattr(judges, "compiler", lambda: None)
    assert language()[0] == request.param


@pytest.mark.usefixtures("in_either_language")
def test_the_judge_of_an_honest_server_finds_nothing_wrong() -> None:
    with rooms() as port:
        told = judged(port)

    assert (told["sent"], told["delivered"]) == (MESSAGES, MESSAGES * CROWD.members)
    assert wrongs(told) == {"lost": 0, "duplicate": 0, "disordered": 0, "foreign": 0, "late": 0, "closed": 0}
    assert 0 < told["p50"] <= told["p99"] <= told["max"] < 5000
    assert told["seconds"] < 5


@pytest.mark.usefixtures("in_either_language")
def test_the_judge_finds_exactly_what_was_lost_repeated_swapped_and_told_to_others() -> None:
    with rooms(loses={3, 20, 21}, repeats={5, 30}, swaps={7}, betrays={9}) as port:
        told = judged(port)

    assert wrongs(told) == {"lost": 3, "duplicate": 2, "disordered": 1, "foreign": 1, "late": 0, "closed": 0}
    assert told["delivered"] == MESSAGES * CROWD.members - 3


@pytest.mark.usefixtures("in_either_language")
def test_in_a_closed_loop_the_next_is_said_when_one_has_come_back() -> None:
    with rooms() as port:
        told = judged(port, "closed 0 2 0.3")

    assert told["messages"] > 20
    assert told["delivered"] == told["sent"] * CROWD.members
    assert not any(wrongs(told).values())


@pytest.mark.usefixtures("in_either_language")
def test_whoever_is_not_let_in_ends_it_with_a_sentence() -> None:
    with (
        rooms() as port,
        pytest.raises(Failed, match="404 Not Found"),
        judging(Rooms("/no/{}").plan(port, CROWD), None) as judge,
    ):
        judge.connect(CROWD.people)


def test_a_quick_measurement_of_a_real_server_finds_nothing_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"

    for _ in range(3):  # a server that is kept from its core for seconds lets signals go, as it should
        ended = fanout.main(["--quick", "--scenarios", "T4", "--subjects", "redis", "--json", str(result)], Machine())
        told = json.loads(result.read_text())
        (run,) = told["runs"]
        if not run["failed"]:
            break

    assert ended == 0
    assert not any(wrongs(run["told"]).values())
    assert (run["told"]["sent"], run["told"]["delivered"]) == (400, 20_000)
    assert run["cost"].keys() == {"server", "broker", "database"}
    assert 1 < run["cost"]["server"] < 1000
    assert all(told[part] for part in ("machine", "commit", "date", "command", "judge"))
    assert "redis" in capsys.readouterr().out


def judged(port: int, order: str = ORDER) -> dict[str, float]:
    plan = Rooms().plan(port, CROWD)
    with judging(plan, None) as judge:
        judge.connect(len(plan.callers))
        return judge.measure(order, lambda: None)


def wrongs(told: dict[str, float]) -> dict[str, float]:
    return {what: told[what] for what in ("lost", "duplicate", "disordered", "foreign", "late", "closed")}


@contextmanager
def rooms(
    *,
    loses: frozenset[int] | set[int] = frozenset(),
    repeats: frozenset[int] | set[int] = frozenset(),
    swaps: frozenset[int] | set[int] = frozenset(),
    betrays: frozenset[int] | set[int] = frozenset(),
) -> Iterator[int]:
    """A server that does to messages of room 0 with these numbers, for one listener of it, what it should not do."""
    people: defaultdict[str, list[ServerConnection]] = defaultdict(list)
    held: list[str] = []

    async def tell(room: str, text: str) -> None:
        number = int(re.search(r"zqzq\d{4}x\d{4}x(\d{8})", text)[1])  # type: ignore[index]
        wronged = room == "/ws/chat/room0/"
        for place, person in enumerate(people[room]):
            if not wronged or place != 3:
                await person.send(text)
            elif number in loses:
                pass
            elif number in swaps:
                held.append(text)
            else:
                for one in [text] * (2 if number in repeats else 1) + held:
                    await person.send(one)
                held.clear()
        if wronged and number in betrays:
            await people["/ws/chat/room1/"][0].send(text)

    async def talk(connection: ServerConnection) -> None:
        assert connection.request
        people[connection.request.path].append(connection)
        with suppress(ConnectionClosed):  # the judge leaves without a word
            async for text in connection:
                assert isinstance(text, str)
                await tell(connection.request.path, text)

    def known(connection: ServerConnection, request: object) -> object:
        return None if request.path.startswith("/ws/") else connection.respond(404, "No such room.")  # type: ignore[attr-defined]

    async def run() -> None:
        async with serve(talk, "127.0.0.1", 0, process_request=known) as server:
            port.set_result(server.sockets[0].getsockname()[1])
            await ended.wait()

    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    port: Future[int] = Future()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        yield port.result(10)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
