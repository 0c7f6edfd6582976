"""An urgent notice to two browsers and a thousand sockets, a tenth of which are away: the figures are those that the
sockets count themselves, the reminder goes to the rest only, and what is withdrawn is gone everywhere."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tenants.people.credentials import PREFIX, digest, new_secret
from tenants.people.models import Token, User
from tests.cast import Org, found
from tests.conftest import Servers
from tests.e2e.conftest import Watched, _sign_in, aside
from tests.e2e.people import Person
from tests.running import Running

CROWD, AWAY, ACKNOWLEDGE = 1_000, 100, 300
AT_ONCE = 25  # sockets that are being opened at a time
PATIENCE = 60.0

T = TypeVar("T")


class Lean:
    """Somebody with one socket, whose client says what it has received, and keeps count."""

    def __init__(self, server: Running, slug: str, token: str) -> None:
        self.server, self.slug, self.token = server, slug, token
        self.acknowledges = False
        self.heard: list[tuple[str, int]] = []  # state and reminder of each notice, in the order of their coming
        self.told: set[int] = set()
        self.connection: ClientConnection
        self.listening: asyncio.Task[None]

    async def connects(self) -> None:
        host = self.server.host(self.slug)
        self.connection = await connect(
            f"ws://{host}/ws/",
            host="127.0.0.1",
            port=self.server.port,
            additional_headers={"Authorization": f"Bearer {self.token}"},
            proxy=None,
            compression=None,
        )
        self.listening = asyncio.create_task(self.listens())

    async def listens(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.connection:
                frame = json.loads(text)
                if frame["on"] == "notice":
                    self.heard.append((frame["state"], frame["reminder"]))
                    if frame["state"] == "live":
                        done = "acknowledged" if self.acknowledges else "delivered"
                        await self.connection.send(json.dumps({"do": "receipts", "id": 1, done: [frame["seq"]]}))
                elif frame["on"] == "ack":
                    self.told.add(1)

    async def is_killed(self) -> None:
        self.connection.transport.abort()
        await self.listening


class Crowd:
    """All of them, on an event loop of their own."""

    def __init__(self, people: list[Lean]) -> None:
        self.people = people
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def does(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE * 2)

    async def connect(self, those: list[Lean]) -> None:
        for start in range(0, len(those), AT_ONCE):
            await asyncio.gather(*(each.connects() for each in those[start : start + AT_ONCE]))

    async def wait(self, what: Callable[[Lean], bool], those: list[Lean]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not all(map(what, those)):
                await asyncio.sleep(0.05)

    async def leave(self) -> None:
        await asyncio.gather(*(each.is_killed() for each in self.people))

    def over(self) -> None:
        self.does(self.leave())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


def tokens_of(org: Org) -> list[str]:
    secrets = [f"{PREFIX}{new_secret()}" for _ in range(CROWD)]

    def fill() -> None:
        users = User.objects.bulk_create(
            [User(email=f"p{number}@crowd.example", name=f"P{number}") for number in range(CROWD)]
        )
        until = timezone.now() + timedelta(days=1)
        Token.objects.bulk_create(
            [
                Token(user=user, name="test", token_hash=digest(secret), expires_at=until)
                for user, secret in zip(users, secrets, strict=True)
            ]
        )

    org.inside(fill)
    return secrets


@pytest.fixture(params=["postgres", "redis"])
def running(request: pytest.FixtureRequest, servers: Servers) -> Running:
    return servers.get(LAYER=request.param, LIMITS="unlimited")


@pytest.fixture
def watching(browser: Browser) -> Iterator[Watched]:
    watched = Watched(browser)
    yield watched
    watched.close()


def count(alice: Person, name: str) -> Any:
    return alice.page.locator(f"[data-count={name}]").first


@pytest.mark.timeout(400)
def test_a_notice_to_a_thousand_is_counted_exactly(running: Running, watching: Watched) -> None:
    org = aside(lambda: found("works", owner="Alice"))
    aside(lambda: org.add("Bob"))
    home = f"http://{running.host(org.space.slug)}"
    alice, bob = (_browser(watching, home, name, org.space.slug) for name in ("Alice", "Bob"))
    crowd = Crowd([Lean(running, org.space.slug, token) for token in aside(lambda: tokens_of(org))])
    away, here = crowd.people[:AWAY], crowd.people[AWAY:]
    try:
        crowd.does(crowd.connect(crowd.people))
        for person in (alice, bob):
            person.goes_to("/rooms/")
            person.is_online()
        for each in crowd.people[:ACKNOWLEDGE]:
            each.acknowledges = True
        for each in away:
            crowd.does(each.is_killed())

        told = alice.asks("POST", "notices", {"message": "Leave by the stairs", "level": "urgent"})
        for person in (alice, bob):
            expect(person.page.get_by_role("alertdialog")).to_be_visible()
        crowd.does(crowd.wait(lambda each: bool(each.told), here))
        crowd.does(crowd.connect(away))
        crowd.does(crowd.wait(lambda each: bool(each.told), away))
        bob.page.get_by_role("alertdialog").get_by_role("button", name="Acknowledge").click()
        alice.page.get_by_role("alertdialog").get_by_role("button", name="Acknowledge").click()

        alice.goes_to(f"/notices/manage/{told['id']}/")
        expect(count(alice, "targeted")).to_have_text(f"{CROWD + 2}")
        expect(count(alice, "delivered")).to_have_text(f"{CROWD + 2}")
        expect(count(alice, "late")).to_have_text(f"{AWAY}")
        expect(count(alice, "acknowledged")).to_have_text(f"{ACKNOWLEDGE + 2}")
        expect(count(alice, "missing")).to_have_text(f"{CROWD - ACKNOWLEDGE}")
        assert [len(each.heard) for each in crowd.people] == [1] * CROWD, "heard once, by everybody"

        alice.page.get_by_role("button", name="Remind those missing").click()
        expect(alice.page.get_by_text(f"{CROWD - ACKNOWLEDGE} people are reminded.")).to_be_visible()
        missing = [each for each in crowd.people if not each.acknowledges]
        crowd.does(crowd.wait(lambda each: each.heard[-1] == ("live", 1), missing))
        alice.page.get_by_role("button", name="Withdraw").click()
        alice.page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
        crowd.does(crowd.wait(lambda each: each.heard[-1][0] == "withdrawn", crowd.people))
        for each in crowd.people:
            reminded = [("live", 1)] * (not each.acknowledges)
            assert each.heard == [("live", 0), *reminded, ("withdrawn", 1)]
        expect(alice.page.get_by_text("Withdrawn", exact=True)).to_be_visible()
        expect(count(alice, "delivered")).to_have_text(f"{CROWD + 2}")
    finally:
        crowd.over()


def _browser(watching: Watched, home: str, name: str, slug: str) -> Person:
    account = _sign_in(watching, home, name, slug)
    return watching.open(home, storage_state=account.state)
