"""The three sockets, on a real server: what goes in, what comes out, and who is let in."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from tests.cast import Org
from tests.clients import opened, refused
from tests.running import Running


async def test_a_script_that_knows_address_and_token_talks_to_everybody(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with (
        opened(server, acme, "/ws/chat/general/", by=acme.owner) as script,
        opened(server, acme, "/ws/chat/general/", by=bob) as other,
    ):
        await other.says({"message": "ready"})
        await script.hears(message="ready")
        await script.says({"message": "Hello world"})
        for client in (script, other):
            heard = await client.hears(message="Hello world")
            assert heard | {"client_id": "", "at": "", "epoch": ""} == {
                "on": "message",
                "room": "general",
                "seq": 2,
                "changed_seq": 2,
                "user": "alice",
                "user_id": acme.owner.actor.user_id,
                "message": "Hello world",
                "client_id": "",
                "at": "",
                "epoch": "",
            }


async def test_a_socket_that_is_open_hears_what_is_said_from_then_on(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with (
        opened(server, acme, "/ws/chat/general/", by=acme.owner) as script,
        opened(server, acme, "/ws/notification/", by=acme.owner) as announcer,
    ):
        for number in range(5):
            async with opened(server, acme, "/ws/chat/general/", by=bob) as other:
                await script.says({"message": f"m{number}"})
                await other.hears(message=f"m{number}")
            async with opened(server, acme, "/ws/notification/", by=bob) as other:
                await announcer.says({"message": f"n{number}"})
                await other.hears(on="notice", message=f"n{number}")


async def test_a_frame_that_is_too_long_right_after_opening_leaves_no_traceback(server: Running, acme: Org) -> None:
    for _ in range(10):
        async with opened(server, acme, by=acme.owner) as client:
            await client.says("x" * 70_000)
            assert await client.is_closed() == 1009
    assert "Traceback" not in server.said


async def test_who_goes_while_the_door_opens_leaves_no_traceback(server: Running, acme: Org) -> None:
    asking = (
        f"GET /ws/ HTTP/1.1\r\nHost: {server.host(acme.space.slug)}\r\nAuthorization: Bearer {acme.owner.token}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    for turn in range(40):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(asking.encode())
        await asyncio.sleep(0.0005 * turn)
        writer.transport.abort()
    async with opened(server, acme, by=acme.owner) as socket:
        await socket.hears(on="welcome")
    assert "Traceback" not in server.said


async def test_since_tells_what_was_missed_and_goes_on_live(server: Running, acme: Org) -> None:
    async with opened(server, acme, "/ws/chat/general/", by=acme.owner) as client:
        for number in range(5):
            await client.says({"message": f"m{number}"})
        await client.hears(message="m4")
    async with opened(server, acme, "/ws/chat/general/?since=2", by=acme.owner) as client:
        await client.says({"message": "new"})
        await client.hears(message="new")
        assert client.messages() == ["m2", "m3", "m4", "new"]


async def test_the_application_socket_welcomes_takes_up_and_acknowledges(server: Running, acme: Org) -> None:
    async with opened(server, acme, by=acme.owner) as client:
        welcome = await client.hears(on="welcome")
        assert (welcome["user"], welcome["role"]) == ("alice", "owner")
        (general,) = welcome["rooms"]
        assert general | {"room": "general", "title": "General", "seq": 0, "joined": True, "unread": 0} == general
        assert (await client.asks("hello", rooms={"general": 0}))["on"] == "ack"
        replay = await client.hears(on="replay")
        assert (replay["messages"], replay["through"], replay["complete"]) == ([], 0, True)
        assert await client.posts("first") == {"on": "ack", "id": 2, "seq": 1}
        await client.hears(message="first", seq=1)


async def test_hello_without_rooms_takes_up_all_of_mine(server: Running, acme: Org) -> None:
    async with opened(server, acme, by=acme.owner) as client:
        await client.posts("before")
        await client.asks("hello")
        await client.posts("after")
        await client.hears(message="after")
        assert client.messages() == ["after"]


async def test_a_client_of_another_epoch_or_ahead_of_the_room_is_told_to_reload(server: Running, acme: Org) -> None:
    async with opened(server, acme, by=acme.owner) as client:
        await client.asks("hello", rooms={"general": 0}, epoch="zzzzzzzzzz")
        await client.hears(on="reload", room="general")
        client.heard.clear()
        await client.asks("join", room="general", since=999)
        await client.hears(on="reload", room="general")


async def test_a_long_absence_is_replayed_in_pages(server: Running, acme: Org) -> None:
    from django.db import connection

    from tenants.schema import in_tenant

    def fill() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO chat_message (room_id, seq, changed_seq, author_id, client_id, body)"
                " SELECT r.id, n, n, %s, 'x' || n, 'm' || n FROM chat_room r, generate_series(1, 2500) n",
                [acme.owner.actor.user_id],
            )
            cursor.execute("UPDATE chat_room SET seq = 2500")

    await in_tenant(acme.space, fill)
    async with opened(server, acme, by=acme.owner) as client:
        await client.asks("join", room="general", since=0)
        replays = [frame for frame in client.heard if frame["on"] == "replay"]
        assert [frame["complete"] for frame in replays] == [False, False, True]
        assert client.changes() == list(range(1, 2501))


async def test_a_signal_reaches_everyone_joined_and_needs_a_join(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with opened(server, acme, by=acme.owner) as alice, opened(server, acme, by=bob) as other:
        assert (await alice.asks("signal", room="general", data={"typing": True}))["code"] == "not_joined"
        await alice.asks("hello")
        await other.asks("hello")
        await alice.asks("signal", room="general", data={"typing": True})
        for client in (alice, other):
            heard = await client.hears(on="signal")
            assert heard == {
                "on": "signal",
                "room": "general",
                "from": acme.owner.actor.user_id,
                "user": "alice",
                "data": {"typing": True},
            }


async def test_who_leaves_a_room_on_one_socket_hears_it_there_no_more(server: Running, acme: Org) -> None:
    async with opened(server, acme, by=acme.owner) as here, opened(server, acme, by=acme.owner) as there:
        await here.asks("hello")
        await there.asks("hello")
        await here.asks("leave", room="general")
        await there.posts("still here?")
        await there.hears(message="still here?")
        await here.asks("hello", rooms={})
        assert here.messages() == []


async def test_who_leaves_the_room_is_put_out_on_every_open_socket(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with opened(server, acme, by=bob) as socket, opened(server, acme, by=acme.owner) as alice:
        await socket.asks("hello")
        with server.client(acme.space.slug, token=bob.token) as http:
            assert http.post("/api/v1/rooms/general/leave").status_code == 204
        await socket.hears(on="gone", room="general")
        await alice.posts("without bob")
        await socket.asks("hello", rooms={})
        assert socket.messages() == []
        assert (await socket.posts("let me"))["code"] == "not_found"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "bad_json"),
        ("[]", "bad_json"),
        ('"text"', "bad_json"),
        ("[" * 30_000, "bad_json"),
        ('{"do":NaN}', "bad_json"),
        ("{}", "unknown_command"),
        ('{"do":["post"]}', "unknown_command"),
        ('{"do":"dance"}', "unknown_command"),
        ('{"do":"post"}', "bad_command"),
        ('{"do":"post","room":"General","client_id":"1","message":"x"}', "bad_command"),
        ('{"do":"post","room":"general","client_id":7,"message":"x"}', "bad_command"),
        ('{"do":"post","room":"general","client_id":"1","message":null}', "bad_command"),
        ('{"do":"post","room":"general","client_id":"1","message":""}', "empty"),
        ('{"do":"post","room":"general","client_id":"1","message":"\\u0000"}', "bad_text"),
        ('{"do":"post","room":"general","client_id":"1","message":"\\ud800"}', "bad_text"),
        ('{"do":"post","room":"nowhere","client_id":"1","message":"x"}', "not_found"),
        ('{"do":"join","room":"nowhere"}', "not_found"),
        ('{"do":"join","room":"general","since":-1}', "bad_command"),
        ('{"do":"hello","rooms":{"general":1.5}}', "bad_command"),
        ('{"do":"signal","room":"general","data":{"x":"\\ud800"}}', "bad_command"),
        ('{"do":"leave","room":"../general"}', "bad_command"),
    ],
)
async def test_bad_frames_are_answered_and_the_socket_stays_open(
    server: Running, acme: Org, frame: str, code: str
) -> None:
    async with opened(server, acme, by=acme.owner) as client:
        await client.says(frame)
        assert (await client.hears(on="error"))["code"] == code
        assert (await client.posts("still open"))["on"] == "ack"
    assert "Traceback" not in server.said


async def test_a_post_through_the_wire_keeps_its_id_in_the_refusal(server: Running, acme: Org) -> None:
    async with opened(server, acme, by=acme.owner) as client:
        await client.says({"do": "post", "id": "mine", "room": "general", "client_id": "1", "message": ""})
        assert (await client.hears(on="error"))["id"] == "mine"


async def test_binary_invalid_text_and_oversize_close_by_their_codes(server: Running, acme: Org) -> None:
    async with opened(server, acme, by=acme.owner) as client:
        await client.says(b"\x00\x01")
        assert await client.is_closed() == 4400
    async with opened(server, acme, by=acme.owner) as client:
        await client.connection.send(b"\xff\xfe", text=True)
        assert await client.is_closed() == 4400
    async with opened(server, acme, by=acme.owner) as client:
        await client.says(json.dumps({"do": "post", "message": "x" * 65_536}))
        assert await client.is_closed() == 1009


async def test_who_floods_is_told_first_and_then_sent_away_while_others_go_on(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with opened(server, acme, by=acme.owner) as alice, opened(server, acme, by=bob) as flooder:
        await alice.asks("hello")
        for _ in range(60):
            await flooder.says('{"do":"leave","room":"general"}')
        assert (await flooder.hears(code="rate_limited"))["retry_after"] > 0
        for _ in range(400):
            await flooder.says('{"do":"leave","room":"general"}')
        assert await flooder.is_closed() == 4429
        assert (await alice.posts("undisturbed"))["on"] == "ack"


async def test_who_posts_too_fast_is_told_so_for_each_post_by_its_id(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with opened(server, acme, by=acme.owner) as alice, opened(server, acme, by=bob) as hasty:
        await alice.asks("hello")
        for number in range(39):
            await hasty.says({"do": "post", "id": number, "room": "general", "client_id": str(number), "message": "!"})
        answers = [await hasty.hears(id=number) for number in range(39)]
        refused = [answer for answer in answers if answer["on"] == "error"]
        assert {(each["code"], each["detail"]) for each in refused} == {
            ("rate_limited", "You are posting faster than your organisation's plan allows.")
        }
        assert all(0 < each["retry_after"] < 1 for each in refused)
        stored = [answer["seq"] for answer in answers if answer["on"] == "ack"]
        assert stored == list(range(1, len(stored) + 1))
        assert 20 <= len(stored) < 39
        assert (await alice.posts("undisturbed"))["on"] == "ack"


async def test_nobody_gets_in_without_credentials_or_from_elsewhere(server: Running, acme: Org, globex: Org) -> None:
    for path in ("/ws/", "/ws/chat/general/", "/ws/notification/"):
        assert await refused(server, acme, path) == 401
        assert await refused(server, acme, path, by="cnv_" + "a" * 32) == 401
        assert await refused(server, acme, path, by=globex.owner) == 401
        assert await refused(server, acme, path, Cookie="session=whatever", Origin="http://evil.example") == 403
        assert await refused(server, acme, path, Cookie="session=whatever") == 403
        assert await refused(server, "nobody-here", path, by=acme.owner) == 404
    assert await refused(server, acme, "/ws/elsewhere/", by=acme.owner) == 404


async def test_a_room_that_is_not_there_closes_with_4404(server: Running, acme: Org) -> None:
    async with opened(server, acme, "/ws/chat/nowhere/", by=acme.owner) as client:
        assert await client.is_closed() == 4404


async def test_a_notice_reaches_all_who_are_here_and_all_who_come(server: Running, acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    async with (
        opened(server, acme, "/ws/notification/", by=acme.owner) as admin,
        opened(server, acme, "/ws/notification/", by=bob) as member,
        opened(server, acme, by=bob) as page,
        opened(server, globex, "/ws/notification/", by=globex.owner) as mallory,
    ):
        await page.hears(on="welcome")
        await mallory.says({"message": "globex only"})
        await mallory.hears(message="globex only")
        await admin.says({"message": "Fire drill at noon", "title": "Drill"})
        for client in (admin, member, page):
            notice = await client.hears(on="notice")
            assert (notice["message"], notice["title"], notice["seq"], notice["level"]) == (
                "Fire drill at noon",
                "Drill",
                1,
                "info",
            )
        await member.says({"message": "me too"})
        assert (await member.hears(on="error"))["code"] == "forbidden"
        await mallory.says({"message": "again"})
        await mallory.hears(message="again")
        assert all("drill" not in json.dumps(frame).lower() for frame in mallory.heard)
    for path in ("/ws/", "/ws/notification/"):
        async with opened(server, acme, path, by=bob) as late:
            assert (await late.hears(on="notice"))["message"] == "Fire drill at noon"


async def test_many_talk_at_once_and_everyone_hears_every_number_in_order(server: Running, acme: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(5)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(opened(server, acme, by=person)) for person in people]

        async def talk(number: int) -> None:
            await clients[number].asks("hello", rooms={"general": 0})
            for said in range(15):  # all together more than an organisation may say at once
                while (answer := await clients[number].posts(f"{number}-{said}"))["on"] == "error":
                    assert answer["code"] == "rate_limited"
                    await asyncio.sleep(answer["retry_after"])
                assert answer["on"] == "ack"

        await asyncio.gather(*map(talk, range(5)))
        for client in clients:
            await client.hears(lambda frame: frame.get("changed_seq") == 75)
            assert client.changes() == list(range(1, 76))


async def test_who_goes_away_while_coming_in_leaves_nobody_deaf(server: Running, acme: Org) -> None:
    for _ in range(5):
        assert await refused(server, acme, "/ws/notification/", by=acme.owner) == 101
    async with opened(server, acme, "/ws/notification/", by=acme.owner) as listener:
        await listener.says({"message": "first"})
        await listener.hears(message="first")
        await listener.says({"message": "second"})
        await listener.hears(message="second")


async def test_hello_takes_nobody_back_into_a_room_they_have_left(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    with server.client(acme.space.slug, token=bob.token) as http:
        assert http.post("/api/v1/rooms/general/leave").status_code == 204
    async with opened(server, acme, by=bob) as stale:
        await stale.asks("hello", rooms={"general": 0})
        await stale.hears(on="gone", room="general")
        assert (await stale.posts("back?"))["code"] == "not_found"
        await stale.asks("join", room="general")
        assert (await stale.posts("back!"))["on"] == "ack"


async def test_what_is_posted_without_waiting_is_answered_in_its_order_and_what_comes_after_waits(
    server: Running, acme: Org
) -> None:
    bob = acme.add("bob")
    async with opened(server, acme, by=acme.owner) as hasty, opened(server, acme, by=bob) as other:
        for client in (hasty, other):
            await client.asks("join", room="general")
        posts: list[dict[str, object]] = [
            {"do": "post", "id": f"post-{turn}", "room": "general", "client_id": f"hasty-{turn}", "message": f"m{turn}"}
            for turn in range(6)
        ]
        posts.insert(3, {"do": "post", "id": "nowhere", "room": "no-such", "client_id": "hasty", "message": "lost"})
        for frame in (
            *posts,
            {"do": "signal", "id": "signal", "room": "general", "data": {}},
            {"do": "leave", "id": "leave", "room": "general"},
            {"do": "signal", "id": "too late", "room": "general", "data": {}},
        ):
            await hasty.says(frame)

        late = await hasty.hears(id="too late")

        assert late["code"] == "not_joined"
        answers = [(each["id"], each.get("seq", each.get("code"))) for each in hasty.heard if each.get("id") in NAMED]
        assert answers == [
            ("post-0", 1),
            ("post-1", 2),
            ("post-2", 3),
            ("nowhere", "not_found"),
            ("post-3", 4),
            ("post-4", 5),
            ("post-5", 6),
            ("signal", None),
            ("leave", None),
            ("too late", "not_joined"),
        ]
        await other.hears(on="message", message="m5")
        assert other.messages() == [f"m{turn}" for turn in range(6)]


NAMED = {*(f"post-{turn}" for turn in range(6)), "nowhere", "signal", "leave", "too late"}
