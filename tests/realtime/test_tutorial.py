"""Other people's consumers run here as they are: those of the Channels tutorial, over our layers, each organisation for
itself."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.altered import Altered
from tests.cast import Org
from tests.clients import Client, opened

FORMS = ["sync", "async"]


@pytest.fixture(scope="module", params=["postgres", "redis"])
def site(
    database: str, redis_url: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Altered]:
    where = {"DATABASE_URL": database, "REDIS_URL": redis_url, "CONCLAVE_LAYER": request.param}
    with Altered("tests.realtime.tutorial_server", tmp_path_factory.mktemp("tutorial"), **where) as site:
        yield site


@asynccontextmanager
async def in_the_lobby(site: Altered, *places: tuple[Org, str]) -> AsyncIterator[list[Client]]:
    """One socket for each organisation and consumer named, all in a room of the same name."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(opened(site, org, f"/ws/{consumer}/lobby/", by=org.owner))
            for org, consumer in places
        ]


@pytest.mark.parametrize("form", FORMS)
async def test_people_in_a_room_of_the_tutorial_hear_each_other_and_no_other_organisation(
    site: Altered, acme: Org, globex: Org, form: str
) -> None:
    async with in_the_lobby(site, (acme, form), (acme, form), (globex, form)) as (alice, bob, mallory):
        await alice.says({"message": "hello"})
        for each in (alice, bob):
            assert await each.next() == {"message": "hello"}
        await mallory.says({"message": "of globex"})
        assert await mallory.next() == {"message": "of globex"}
        await bob.says({"message": "good bye"})
        for each in (alice, bob):
            assert await each.next() == {"message": "good bye"}


async def test_who_leaves_a_room_of_the_tutorial_is_missed_by_nobody(site: Altered, acme: Org) -> None:
    async with in_the_lobby(site, (acme, "sync"), (acme, "async")) as (alice, bob):
        await bob.connection.close()
        await alice.says({"message": "alone"})
        assert await alice.next() == {"message": "alone"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("event", [{"type": "room.renamed"}, {"type": "_secret"}, {"type": ""}, {"words": "only"}])
async def test_an_event_that_a_consumer_does_not_know_is_dropped_and_its_socket_stays_open(
    site: Altered, acme: Org, form: str, event: dict[str, str]
) -> None:
    async with in_the_lobby(site, (acme, form), (acme, "any")) as (alice, newer):
        await newer.says(event)
        await newer.next()
        await alice.says({"message": "still here"})
        assert await alice.next() == {"message": "still here"}
    assert "has no handler for an event" in site.said


async def test_an_event_that_one_socket_changes_is_as_it_was_for_the_others(site: Altered, acme: Org) -> None:
    places = [(acme, "spoiling"), (acme, "async"), (acme, "spoiling"), (acme, "sync")]
    async with in_the_lobby(site, *places) as sockets:
        await sockets[1].says({"message": "as I said"})
        assert [(await each.next())["message"] for each in sockets] == ["as I said!", "as I said"] * 2


def test_what_went_wrong_left_no_traceback(site: Altered) -> None:
    assert "Traceback" not in site.said, json.dumps(site.said)
