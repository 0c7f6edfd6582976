"""A private room does not exist for others: by any URL, list, count, error, page, command or socket."""

import re
from typing import Any

import httpx
import pytest

from realtime.chat import hosting, rooms
from realtime.protocol import Refused
from tenants.people.models import AuditEntry
from tenants.roles import Role
from tenants.schema import entered
from tests.cast import Org
from tests.clients import opened, signed_in
from tests.realtime.furniture import NOWHERE, changes, opens, says
from tests.running import Running


def test_its_address_is_of_our_making_and_its_title_may_be_anothers(acme: Org) -> None:
    bob = acme.add("bob")
    first, second = (opens(acme, bob, "Board", private=True) for _ in range(2))
    assert first != second
    assert len(first) == rooms.RANDOM
    with pytest.raises(Refused, match="address of ours"):
        acme.inside(lambda: rooms.open(bob.actor, "Board", "board", private=True))


def test_others_are_answered_as_if_it_were_not_there_whatever_their_role(
    server: Running, acme: Org, globex: Org
) -> None:
    bob, admin, guest = acme.add("bob"), acme.add("carol", Role.ADMIN), acme.add("gus", Role.GUEST)
    room = opens(acme, bob, "Salaries", private=True)
    says(acme, bob, room, "a secret")
    for org, outsider in [(acme, acme.owner), (acme, admin), (acme, guest), (globex, globex.owner)]:
        with server.client(org.space.slug, outsider.token) as http:
            assert http.get("/api/v1/session").json()["user"] == outsider.name
            for asked in ({"text": "Salar"}, {"after": room}, {}):
                assert "Salaries" not in http.get("/api/v1/rooms", params=asked).text
            for path in ("", "/messages", "/messages/1", "/members", "/presence"):
                assert_same_as_nowhere(http, "GET", room, path)
            for path in ("/join", "/leave"):
                assert_same_as_nowhere(http, "POST", room, path)
            assert_same_as_nowhere(http, "POST", room, "/messages", {"message": "let me in"})
            assert_same_as_nowhere(http, "PUT", room, "/read", {"seq": 1})
            assert_same_as_nowhere(http, "PATCH", room, "/messages/1", {"message": "mine"})
            assert_same_as_nowhere(http, "DELETE", room, "/messages/1")
            assert_same_as_nowhere(http, "PUT", room, "/messages/1/reactions/👍")
            missing = 403 if outsider is guest else 404  # a guest's role does not get so far
            for path in ("/archive", "/restore"):
                assert_same_as_nowhere(http, "POST", room, path, status=missing)
            assert_same_as_nowhere(http, "POST", room, "/members", {"people": [outsider.actor.user_id]}, status=missing)
            assert_same_as_nowhere(http, "PATCH", room, "", {"title": "mine"}, status=missing)
            assert_same_as_nowhere(http, "DELETE", room, f"/members/{bob.actor.user_id}", status=missing)
    with server.client(acme.space.slug, bob.token) as http:
        assert http.get(f"/api/v1/rooms/{room}/messages").json()["messages"][0]["message"] == "a secret"


def test_naming_its_address_elsewhere_tells_nothing_either(server: Running, acme: Org) -> None:
    room = opens(acme, acme.add("bob"), private=True)
    with server.client(acme.space.slug, acme.owner.token) as http:
        for method, path, body in (
            ("POST", "/rooms", lambda address: {"title": "Mine", "room": address}),
            ("POST", "/invitations", lambda address: {"rooms": [address]}),
            ("PATCH", "/settings", lambda address: {"default_rooms": [address]}),
        ):
            hidden, nowhere = (http.request(method, f"/api/v1{path}", json=body(each)) for each in (room, NOWHERE))
            assert 400 <= hidden.status_code < 500, hidden.text
            assert (hidden.status_code, hidden.content) == (nowhere.status_code, nowhere.content)


def test_its_pages_are_those_of_a_room_that_is_not_there(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    room = opens(acme, bob, "Salaries", private=True)
    says(acme, bob, room, "a secret")
    with signed_in(server, acme, bob) as member, signed_in(server, acme, acme.owner) as outsider:
        for page in ("/chat/{}/", "/chat/{}/1/", "/rooms/{}/"):
            assert member.http.get(page.format(room)).status_code == 200
            hidden, nowhere = (outsider.http.get(page.format(each)) for each in (room, NOWHERE))
            assert (hidden.status_code, nowhere.status_code) == (404, 404)
            assert _still(hidden, room) == _still(nowhere, NOWHERE)
        for page in ("/", "/chat/general/", "/rooms/", "/rooms/?text=Salar", "/messages/", "/members/"):
            shown = outsider.http.get(page, follow_redirects=True)
            assert shown.status_code == 200
            assert "Salaries" not in shown.text
            assert room not in shown.text


def _still(answer: httpx.Response, address: str) -> str:
    """The page without its own address, and without the CSRF token, which is masked anew in every answer."""
    return re.sub(r'"\w{64}"', "", answer.text.replace(address, ""))


def assert_same_as_nowhere(
    http: httpx.Client, method: str, room: str, path: str, body: Any = None, status: int = 404
) -> None:
    """The room that one may not see and one that is not there are answered alike, to the byte."""
    hidden, nowhere = (http.request(method, f"/api/v1/rooms/{each}{path}", json=body) for each in (room, NOWHERE))
    assert (hidden.status_code, hidden.content) == (nowhere.status_code, nowhere.content), f"{method} {path}"
    assert hidden.status_code == status, f"{method} {path}: {hidden.text}"


async def test_sockets_do_not_know_it(server: Running, acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    room = opens(acme, bob, private=True)
    fields = {"seq": 1, "message": "x", "client_id": "1", "emoji": "👍", "data": {"typing": True}}
    async with opened(server, acme, by=bob) as host:
        await host.asks("join", room=room)
        for org in (acme, globex):
            async with opened(server, org, by=org.owner) as outsider:
                welcome = await outsider.hears(on="welcome")
                assert [each["room"] for each in welcome["rooms"]] == ["general"]
                for command in ("join", "post", "edit", "delete", "react", "read", "signal", "leave"):
                    answers = [await outsider.asks(command, room=each, **fields) for each in (room, NOWHERE)]
                    assert answers[0] | {"id": 0} == answers[1] | {"id": 0}, command
                    assert answers[0].get("code") != "ack" or command == "leave"
                await outsider.asks("hello", rooms={room: 0, NOWHERE: 0})
                assert [frame["on"] for frame in outsider.heard if frame.get("room") == room] == ["gone"]
                assert [frame["on"] for frame in outsider.heard if frame.get("room") == NOWHERE] == ["gone"]
            closed = []
            for each in (room, NOWHERE):
                async with opened(server, org, f"/ws/chat/{each}/", by=org.owner) as script:
                    await script.is_closed()
                    closed.append((script.connection.close_code, script.connection.close_reason))
            assert closed[0] == closed[1]
            assert closed[0][0] == 4404
        assert (await host.posts("still here", room))["on"] == "ack"


def test_the_audit_log_is_silent_about_it(acme: Org) -> None:
    bob = acme.add("bob")
    room = opens(acme, acme.owner, "Salaries", bob, private=True)
    changes(acme, acme.owner, room, title="Bonuses")
    acme.inside(hosting.archive, acme.owner.actor, room)
    acme.inside(hosting.restore, acme.owner.actor, room)
    acme.inside(hosting.expel, acme.owner.actor, room, bob.actor.user_id)
    public = opens(acme, acme.owner, "Lunch")
    with entered(acme.space.schema_name):
        lines = AuditEntry.objects.filter(what__startswith="rooms.").values_list("what", "whom")
        assert list(lines) == [("rooms.open", public)]


def test_it_is_handed_on_when_its_maker_leaves(acme: Org) -> None:
    bob, gus, carol = acme.add("bob"), acme.add("gus", Role.GUEST), acme.add("carol")
    room = opens(acme, bob, "Board", gus, carol, private=True)
    acme.inside(rooms.leave, bob.actor, room)
    assert changes(acme, carol, room, title="Hers now").title == "Hers now"


def test_it_is_handed_on_when_its_maker_is_deactivated(acme: Org) -> None:
    from tenants.people import members

    bob, carol = acme.add("bob"), acme.add("carol")
    room = opens(acme, bob, "Board", carol, private=True)
    acme.inside(members.deactivate, acme.owner.actor, bob.actor.user_id)
    assert changes(acme, carol, room, title="Hers now").title == "Hers now"
