"""The rounds of presence: several processes' worth on one database, with sockets that only keep what they hear."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.db import OperationalError, connection

from realtime import leases
from realtime import presence as presence_module
from realtime.crowds import MOST_NAMED
from realtime.frames import Batch
from realtime.hub import Hub
from realtime.presence import Presence
from tenants import control
from tenants.actor import Actor
from tenants.directory import Space
from tenants.models import new_key
from tenants.schema import control_in_public, in_public

BOSS = 1  # who is there first, and hears of the others


@dataclass(eq=False)
class Socket:
    """A socket as presence sees it."""

    actor: Actor
    heard: list[dict[str, Any]] = field(default_factory=list)

    @property
    def user_id(self) -> int:
        return self.actor.user_id

    def deliver(self, batch: Batch) -> None:
        self.heard += [json.loads(frame.text) for frame in batch.frames]


def somebody(space: Space, user_id: int) -> Socket:
    return Socket(Actor(space, user_id, f"p{user_id}", "member", f"p{user_id}@acme.example", True, "credential"))


def an_organization() -> Space:
    return Space(id=1, key=new_key(10), name="Acme", address="acme", state="active", epoch="e" * 10, version=1)


@pytest.fixture
def acme() -> Space:
    return an_organization()


@pytest.fixture
async def watch(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[control.Watch]:
    """Control is read: without it nothing is told."""
    monkeypatch.setattr(control, "_listeners", [])
    watch = control.Watch()
    await watch.start()
    yield watch
    await watch.stop()


@pytest.fixture
async def here(watch: control.Watch) -> Presence:
    return Presence()


@pytest.fixture
async def there(watch: control.Watch) -> Presence:
    """Another process."""
    return Presence()


async def rounds(*processes: Presence, times: int = 2) -> None:
    """Twice, so that each has read what the others wrote."""
    for _ in range(times):
        for process in processes:
            await process.round()


async def settled(process: Presence, space: Space) -> Socket:
    """Somebody who is there, and has heard of nothing since."""
    socket = somebody(space, BOSS)
    await process.enter(socket)
    await rounds(process)
    socket.heard.clear()
    return socket


async def in_database(sql: str, *values: object) -> None:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)

    await control_in_public(run)


async def dies(process: Presence) -> None:
    """It has said nothing for the length of a lease."""
    await in_database("UPDATE realtime_process SET lease = now() - interval '1 second' WHERE name = %s", process.name)


async def test_however_many_come_at_once_it_is_told_once(here: Presence, acme: Space) -> None:
    boss = await settled(here, acme)
    for user_id in range(2, MOST_NAMED + 1):
        await here.enter(somebody(acme, user_id))
    await rounds(here)
    assert boss.heard == [{"on": "presence", "count": MOST_NAMED, "joined": list(range(2, MOST_NAMED + 1)), "left": []}]


async def test_too_many_to_name_are_counted_and_named_again_when_they_are_fewer(here: Presence, acme: Space) -> None:
    boss = await settled(here, acme)
    crowd = [somebody(acme, user_id) for user_id in range(2, 502)]
    for socket in crowd:
        await here.enter(socket)
    await rounds(here, times=presence_module.LARGE)
    assert boss.heard == [{"on": "presence", "count": 501}]
    assert await here.enter(somebody(acme, 2)) == (None, 501), "the same for who comes now"
    for socket in crowd[1:]:
        socket.actor = replace(socket.actor, shows_presence=False)
        here.changed(socket, socket.actor)
    await rounds(here)
    assert boss.heard[1:] == [{"on": "presence", "count": 2, "joined": [BOSS, 2], "left": []}]


async def test_a_thousand_organisations_cost_one_statement(here: Presence, there: Presence) -> None:
    spaces = [an_organization() for _ in range(1000)]
    for space in spaces:
        await here.enter(somebody(space, BOSS))
        await there.enter(somebody(space, 2))
    await rounds(here, there, times=3)
    newcomers = [somebody(space, 3) for space in spaces]
    for socket in newcomers:
        await there.enter(socket)
    statements: list[str] = []

    def noted(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    await control_in_public(lambda: connection.execute_wrappers.append(noted))
    try:
        await rounds(there, here, times=1)
    finally:
        await control_in_public(lambda: connection.execute_wrappers.remove(noted))
    assert len([sql for sql in statements if "realtime_" in sql]) == 2, "one of each process"
    assert all(socket.heard == [{"on": "presence", "count": 3, "joined": [3], "left": []}] for socket in newcomers)


async def test_who_was_held_by_a_process_that_died_has_left_unless_they_came_back(
    here: Presence, there: Presence, acme: Space
) -> None:
    boss = await settled(here, acme)
    other = somebody(an_organization(), BOSS)
    await here.enter(other)
    for user_id in (2, 3, 4):
        await there.enter(somebody(acme, user_id))
    await rounds(there, here)
    assert [frame["joined"] for frame in boss.heard] == [[2, 3, 4]]
    boss.heard.clear()
    await here.enter(somebody(acme, 3))
    await rounds(here)
    assert boss.heard == [], "who comes back in time was never away"
    await dies(there)
    await rounds(here, times=3)
    assert boss.heard == [{"on": "presence", "count": 2, "joined": [], "left": [2, 4]}]
    assert await here.enter(somebody(acme, 5)) == ([BOSS, 3], 2)
    assert [frame["count"] for frame in other.heard] == [1], "nothing of another organisation"


async def test_a_process_that_was_taken_for_dead_is_believed_again(
    here: Presence, there: Presence, acme: Space
) -> None:
    boss = await settled(here, acme)
    await there.enter(somebody(acme, 2))
    await rounds(there, here)
    await in_database("UPDATE realtime_online SET at = now() - interval '1 hour' WHERE process_id = %s", there.name)
    await dies(there)
    await rounds(here)
    await rounds(there, here)
    assert [(frame["joined"], frame["left"]) for frame in boss.heard] == [([2], []), ([], [2]), ([2], [])]


async def test_after_an_outage_a_process_waits_for_the_others_before_it_takes_them_for_dead(
    here: Presence, there: Presence, acme: Space
) -> None:
    boss = await settled(here, acme)
    await there.enter(somebody(acme, 2))
    await rounds(there, here)
    boss.heard.clear()
    for process in (here, there):
        await dies(process)
        process._last = float("-inf")
    await rounds(here)  # the first to come through
    await there.enter(somebody(acme, 3))
    await rounds(there, here)
    assert boss.heard == []
    here._quiet_until = 0.0  # ten seconds later
    await rounds(here)
    assert boss.heard == [{"on": "presence", "count": 3, "joined": [3], "left": []}]


async def test_a_round_that_fails_loses_nothing(
    watch: control.Watch, here: Presence, there: Presence, acme: Space
) -> None:
    boss = await settled(here, acme)
    await there.enter(somebody(acme, 2))
    await there.round()
    await here.enter(somebody(acme, 3))
    await watch.stop()  # which would meet the lost connection first
    await cut_off()
    with pytest.raises(OperationalError):
        await here.round()
    assert boss.heard == []
    await rounds(here, there)
    assert boss.heard == [{"on": "presence", "count": 3, "joined": [2, 3], "left": []}]


async def cut_off() -> None:
    """The connection of this process over which it exchanges presence is cut."""

    def own() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    def cut(process: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])

    await in_public(cut, await control_in_public(own))


async def test_rows_that_went_missing_are_written_again(here: Presence, there: Presence, acme: Space) -> None:
    boss = await settled(here, acme)
    await there.enter(somebody(acme, 2))
    await rounds(there, here)
    await in_database("UPDATE realtime_process SET lease = now() - interval '1 hour' WHERE name = %s", there.name)
    await control_in_public(leases.sweep, here.name)
    assert there.name not in await control_in_public(leases.online, acme.key)
    there._everything_at = 0.0  # a minute later
    await rounds(there, here)
    assert (await control_in_public(leases.online, acme.key))[there.name] == frozenset([2])
    assert boss.heard[-1]["count"] == 2


async def test_the_long_dead_and_the_long_empty_are_swept_away(here: Presence, there: Presence, acme: Space) -> None:
    await here.enter(somebody(acme, BOSS))
    await there.enter(somebody(acme, 2))
    await rounds(here, there)
    await in_database("UPDATE realtime_process SET lease = now() - interval '1 hour' WHERE name = %s", there.name)
    await in_database(
        "INSERT INTO realtime_online (process_id, key, people, at) VALUES (%s, %s, '{}', now() - interval '1 hour')",
        here.name,
        an_organization().key,
    )
    await control_in_public(leases.sweep, here.name)

    def left() -> tuple[list[str], int]:
        with connection.cursor() as cursor:
            names = [here.name, there.name]
            cursor.execute("SELECT name FROM realtime_process WHERE name = ANY(%s)", [names])
            processes = [name for (name,) in cursor.fetchall()]
            cursor.execute("SELECT count(*) FROM realtime_online WHERE process_id = ANY(%s)", [names])
            return processes, cursor.fetchone()[0]

    assert await control_in_public(left) == ([here.name], 1)


async def test_nothing_is_told_while_control_is_stale_and_all_of_it_afterwards(
    here: Presence, acme: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = await settled(here, acme)
    await here.enter(somebody(acme, 2))
    with monkeypatch.context() as stale:
        stale.setattr(control, "fresh", lambda: False)
        await rounds(here)
        assert boss.heard == []
    await rounds(here)
    assert [frame["joined"] for frame in boss.heard] == [[2]]


async def test_who_leaves_for_good_leaves_nothing_behind(
    here: Presence, acme: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "GRACE", 0.0)
    boss = await settled(here, acme)
    here.leave(boss)
    here.leave(boss)
    await rounds(here)
    assert here._crowds == {}
    assert not here._stirred
    assert await control_in_public(leases.online, acme.key) == {here.name: frozenset()}


async def test_a_hub_that_stops_takes_presence_with_it(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def running() -> list[str]:
        return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "presence"]

    monkeypatch.setattr(control, "_listeners", [])
    hub = Hub()
    await hub.started()
    assert running() == ["presence"]
    await hub.stop()
    assert running() == []
