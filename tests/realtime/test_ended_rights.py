"""Whoever loses a right loses it on open sockets too, through rows alone: the broker is dead in every test here."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from infra.local import Valkey
from tenants import organizations
from tenants.people.models import Token, User
from tests.cast import Org
from tests.clients import opened, refused, signed_in
from tests.conftest import Servers
from tests.running import Running


@pytest.fixture(scope="module")
def deaf(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A server whose broker has died under it."""
    broker = Valkey(tmp_path_factory.mktemp("broker"))
    broker.start()
    server = servers.get(LAYER="channels-redis-pubsub", REDIS_URL=broker.url)
    broker.stop()
    return server


async def test_sign_out_closes_the_sockets_of_that_session_and_no_others(deaf: Running, acme: Org) -> None:
    with signed_in(deaf, acme, acme.owner) as here, signed_in(deaf, acme, acme.owner) as there:
        async with opened(deaf, acme, **here.headers) as ending, opened(deaf, acme, **there.headers) as staying:
            await ending.hears(on="welcome")
            await staying.hears(on="welcome")
            ended = here.headers
            here.signs_out()
            assert await ending.is_closed() == 4401
            assert (await staying.posts("still here"))["on"] == "ack"
        async with opened(deaf, acme, **ended) as again:
            assert await again.is_closed() == 4401


async def test_the_end_of_a_token_closes_its_sockets(deaf: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with opened(deaf, acme, by=bob) as socket, opened(deaf, acme, by=acme.owner) as alice:
        await socket.hears(on="welcome")
        acme.inside(lambda: [token.delete() for token in Token.objects.filter(user_id=bob.actor.user_id)])
        assert await socket.is_closed() == 4401
        assert (await alice.posts("still here"))["on"] == "ack"
    assert await refused(deaf, acme, by=bob) == 401


async def test_a_person_who_is_deactivated_is_put_out(deaf: Running, acme: Org) -> None:
    bob = acme.add("bob")

    def deactivate() -> None:
        user = User.objects.get(pk=bob.actor.user_id)
        user.is_active = False
        user.save()

    async with opened(deaf, acme, by=bob) as socket:
        await socket.hears(on="welcome")
        acme.inside(deactivate)
        assert await socket.is_closed() == 4401


async def test_a_changed_password_ends_the_other_sessions(deaf: Running, acme: Org) -> None:
    def change() -> None:
        user = User.objects.get(pk=acme.owner.actor.user_id)
        user.set_password("another horse battery")
        user.save()

    with signed_in(deaf, acme, acme.owner) as session:
        async with opened(deaf, acme, **session.headers) as socket, opened(deaf, acme, by=acme.owner) as script:
            await socket.hears(on="welcome")
            acme.inside(change)
            assert await socket.is_closed() == 4401
            assert (await script.posts("a token does not depend on the password"))["on"] == "ack"


async def test_a_lowered_role_counts_on_open_sockets(deaf: Running, acme: Org) -> None:
    async with opened(deaf, acme, "/ws/notification/", by=acme.owner) as socket:
        await socket.says({"message": "as owner"})

        def lower() -> None:
            user = User.objects.get(pk=acme.owner.actor.user_id)
            user.role = "member"
            user.save()

        acme.inside(lower)
        while await _role(deaf, acme) != "member":  # this process may know her as owner until it has read control
            pass
        while True:
            await socket.says({"message": "still?", "id": 1})
            if (await socket.hears(lambda frame: frame.get("id") == 1)).get("code") == "forbidden":
                break
            socket.heard.clear()
            await asyncio.sleep(0.1)  # slower than the limit on frames


async def test_suspension_closes_every_socket_and_shuts_the_door_until_it_is_lifted(
    deaf: Running, acme: Org, globex: Org
) -> None:
    async with opened(deaf, acme, by=acme.owner) as socket, opened(deaf, globex, by=globex.owner) as mallory:
        await socket.hears(on="welcome")
        acme.outside(organizations.suspend, acme.space.slug)
        assert await socket.is_closed() == 4403
        async with opened(deaf, acme, by=acme.owner) as again:
            assert await again.is_closed() == 4403
        with deaf.client(acme.space.slug, token=acme.owner.token) as http:
            assert http.get("/api/v1/session").status_code == 403
        assert (await mallory.posts("nothing of ours"))["on"] == "ack"
        acme.outside(organizations.resume, acme.space.slug)
        while not await _is_let_in(deaf, acme):
            pass


async def _role(server: Running, org: Org) -> str:
    async with opened(server, org, by=org.owner) as socket:
        return str((await socket.hears(on="welcome"))["role"])


async def _is_let_in(server: Running, org: Org) -> bool:
    async with opened(server, org, by=org.owner) as socket:
        try:
            return bool(await socket.hears(on="welcome"))
        except ConnectionClosed:
            return False


async def test_posts_are_stored_and_delivered_by_repair_while_the_broker_is_away(deaf: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with opened(deaf, acme, by=bob) as listener, opened(deaf, acme, by=acme.owner) as alice:
        await listener.asks("hello", rooms={"general": 0})
        assert (await alice.posts("through the database"))["on"] == "ack"
        await listener.hears(message="through the database", seq=1)
