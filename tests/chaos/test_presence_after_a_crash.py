"""Kill -9 of a server process with 500 people online: presence is right again within the lease, and told once."""

import asyncio
import os
import signal
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from realtime import leases
from tenants.people.credentials import PREFIX, digest, new_secret
from tenants.people.models import Token, User
from tests.cast import Org
from tests.clients import Client, Frame, opened
from tests.conftest import Servers
from tests.running import Running

PATIENCE = 90.0  # seconds: four leases and more
TOO_MANY_TO_NAME, NAMED = 350, 150
AT_ONCE = 20  # sockets that are being opened at a time
COMING_BACK = 6  # every sixth of those who are cut off


class Person:
    """Somebody with one socket, who keeps track of who is online as a page would."""

    def __init__(self, org: Org, user_id: int, token: str) -> None:
        self.org, self.user_id, self.token = org, user_id, token
        self.client: Client
        self.read = 0

    async def connects(self, server: Running, stack: AsyncExitStack) -> None:
        self.client = await stack.enter_async_context(opened(server, self.org, by=self.token))
        self.read = 0
        welcome = await self.client.hears(on="welcome")
        self.count: int = welcome["online_count"]
        self.online: set[int] | None = set(welcome["online"]) if "online" in welcome else None

    async def is_cut_off(self) -> bool:
        try:
            await (await self.client.connection.ping())
        except ConnectionClosed:
            return True
        return False

    async def sees(self, count: int, online: set[int] | None) -> None:
        """Waits until it is so; whoever is told of twice, or told of without being news, fails."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for frame in self.presence()[self.read :]:
                    self._takes(frame)
                    self.read += 1
                if self.count == count and (online is None or self.online == online):
                    return
                await self.client.next()

    def presence(self) -> list[Frame]:
        return [frame for frame in self.client.heard if frame["on"] == "presence"]

    def _takes(self, frame: Frame) -> None:
        self.count = frame["count"]
        if "joined" not in frame:
            self.online = None
            return
        joined, left = set(frame["joined"]), set(frame["left"])
        online = self.online or set()
        assert not joined & online
        assert left <= online
        self.online = (online | joined) - left
        assert len(self.online) == self.count


def people(org: Org, count: int) -> list[Person]:
    """Many at once: without the second and more that hashing a password for each ten of them would take."""

    def make() -> list[Person]:
        names = [f"p{number}" for number in range(count)]
        users = User.objects.bulk_create(
            [User(email=f"{name}@{org.space.slug}.example", name=name, password="!") for name in names]
        )
        secrets = [PREFIX + new_secret() for _ in users]
        expires = timezone.now() + timedelta(days=1)
        Token.objects.bulk_create(
            [
                Token(user=user, name="test", token_hash=digest(secret), expires_at=expires)
                for user, secret in zip(users, secrets, strict=True)
            ]
        )
        return [Person(org, user.pk, secret) for user, secret in zip(users, secrets, strict=True)]

    return org.inside(make)


async def connect(server: Running, wanted: Iterable[Person], stack: AsyncExitStack) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(person: Person) -> None:
        async with turn:
            await person.connects(server, stack)

    await asyncio.gather(*map(one, wanted))


async def all_see(wanted: Iterable[Person], count: int, online: set[int] | None) -> None:
    await asyncio.gather(*(person.sees(count, online) for person in wanted))


def ids(wanted: Iterable[Person]) -> set[int]:
    return {person.user_id for person in wanted}


@pytest.mark.timeout(400)
async def test_after_kill_9_nobody_stays_online_as_a_ghost_and_everybody_is_told_once(
    servers: Servers, acme: Org, globex: Org
) -> None:
    server = servers.get(WORKERS="2", LIMITS="unlimited")
    large, small = people(acme, TOO_MANY_TO_NAME), people(globex, NAMED)
    async with AsyncExitStack() as stack:
        await connect(server, large + small, stack)
        await all_see(small, NAMED, ids(small))
        await all_see(large, TOO_MANY_TO_NAME, None)
        before = {person: len(person.presence()) for person in large + small}

        os.kill(server.server_processes()[0], signal.SIGKILL)
        cut = {
            person
            for person, is_cut in zip(
                large + small, await asyncio.gather(*(each.is_cut_off() for each in large + small)), strict=True
            )
            if is_cut
        }
        assert 0 < len(cut) < len(before), "both processes held some"
        back = set(list(cut)[::COMING_BACK])
        await connect(server, back, stack)

        gone = cut - back
        for crowd, named in ((large, False), (small, True)):
            there = [person for person in crowd if person not in gone]
            stayed = [person for person in crowd if person not in cut]
            await all_see(there, len(there), ids(there) if named else None)
            assert [len(person.presence()) - before[person] for person in stayed] == [1] * len(stayed), "told once"
            if named:
                gone_here = sorted(ids(crowd) & ids(person for person in gone if person in crowd))
                for person in stayed:
                    assert person.presence()[-1] == {
                        "on": "presence",
                        "count": len(there),
                        "joined": [],
                        "left": gone_here,
                    }
            held = globex.outside(leases.online, crowd[0].org.key)
            assert frozenset[int]().union(*held.values()) == ids(there)

        newcomer = next(person for person in small if person in gone)
        await newcomer.connects(server, stack)
        there = [person for person in small if person not in gone or person is newcomer]
        await all_see(there, len(there), ids(there))
