"""The API of an organisation, on a real server."""

import httpx
import pytest

from tests.cast import Member, Org
from tests.clients import opened, signed_in
from tests.running import Running


def as_(server: Running, org: Org, who: Member) -> httpx.Client:
    return server.client(org.space.slug, token=who.token)


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    return answer.status_code, problem["code"]


def test_both_sites_describe_their_api(server: Running, acme: Org) -> None:
    for slug, path in ((acme.space.slug, "/api/v1/rooms/{room}/messages"), (None, "/api/v1/organizations")):
        with server.client(slug) as http:
            described = http.get("/api/v1/openapi.json").json()
        assert described["openapi"].startswith("3.1")
        assert path in described["paths"]


def test_a_person_learns_who_she_is_and_who_else_is_here(server: Running, acme: Org) -> None:
    acme.add("bob")
    with as_(server, acme, acme.owner) as http:
        session = http.get("/api/v1/session").json()
        members = http.get("/api/v1/members").json()["members"]
    assert (session["user"], session["role"], session["email_verified"]) == ("alice", "owner", True)
    assert session["organization"]["address"] == acme.space.slug
    assert [(member["user"], member["role"]) for member in members] == [("alice", "owner"), ("bob", "member")]


def test_rooms_are_opened_listed_joined_and_left(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    with as_(server, acme, acme.owner) as alice, as_(server, acme, bob) as http:
        opened_room = alice.post("/api/v1/rooms", json={"title": "Plans for May"})
        assert (opened_room.status_code, opened_room.json()["room"]) == (201, "plans-for-may")
        assert code(alice.post("/api/v1/rooms", json={"title": "x", "room": "plans-for-may"})) == (422, "bad_command")
        assert code(alice.post("/api/v1/rooms", json={"title": "x", "room": "No!"})) == (422, "invalid")

        def listed() -> dict[str, tuple[bool, int]]:
            rooms = http.get("/api/v1/rooms").json()["rooms"]
            return {each["room"]: (each["joined"], each["members"]) for each in rooms}

        assert listed() == {"general": (True, 2), "plans-for-may": (False, 1)}
        assert http.post("/api/v1/rooms/plans-for-may/join").json()["joined"] is True
        assert listed()["plans-for-may"] == (True, 2)
        assert http.post("/api/v1/rooms/plans-for-may/leave").status_code == 204
        assert listed()["plans-for-may"] == (False, 1)
        assert code(http.post("/api/v1/rooms/nowhere/join")) == (404, "not_found")


async def test_a_post_is_heard_on_sockets_and_said_once_per_client_id(server: Running, acme: Org) -> None:
    async with opened(server, acme, "/ws/chat/general/", by=acme.add("bob")) as socket:
        with as_(server, acme, acme.owner) as http:
            said = {"message": "from a script", "client_id": "once"}
            first = http.post("/api/v1/rooms/general/messages", json=said)
            again = http.post("/api/v1/rooms/general/messages", json=said)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        assert await socket.hears(message="from a script") == first.json()


def test_history_is_read_in_pages_both_ways(server: Running, acme: Org) -> None:
    with as_(server, acme, acme.owner) as http:
        for number in range(1, 8):
            http.post("/api/v1/rooms/general/messages", json={"message": f"m{number}"})

        def seqs(query: str) -> tuple[list[int], int | None]:
            page = http.get(f"/api/v1/rooms/general/messages?{query}").json()
            assert page["through"] == 7
            assert page["more"] == ("next" in page)
            return [message["seq"] for message in page["messages"]], page.get("next")

        assert seqs("limit=3") == ([5, 6, 7], 5)
        assert seqs("limit=3&before=5") == ([2, 3, 4], 2)
        assert seqs("limit=3&before=2") == ([1], None)
        assert seqs("limit=3&after=2") == ([3, 4, 5], 5)
        assert seqs("after=7") == ([], None)
        assert code(http.get("/api/v1/rooms/general/messages?limit=0")) == (422, "invalid")
        assert code(http.get("/api/v1/rooms/nowhere/messages")) == (404, "not_found")


def test_notices_are_published_by_admins_and_listed_for_all(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    with as_(server, acme, acme.owner) as alice, as_(server, acme, bob) as http:
        made = alice.post("/api/v1/notices", json={"message": "Drill at noon", "title": "Drill", "level": "important"})
        assert (made.status_code, made.json()["seq"]) == (201, 1)
        assert [each["message"] for each in http.get("/api/v1/notices").json()["notices"]] == ["Drill at noon"]
        assert code(http.post("/api/v1/notices", json={"message": "me too"})) == (403, "forbidden")
        assert code(alice.post("/api/v1/notices", json={"message": "x", "level": "loud"})) == (422, "bad_command")


def test_notices_are_told_in_pages_from_the_newest_on(server: Running, acme: Org) -> None:
    with as_(server, acme, acme.owner) as http:
        for number in range(1, 6):
            http.post("/api/v1/notices", json={"message": f"n{number}"})

        def page(query: str) -> tuple[list[int], int | None]:
            told = http.get(f"/api/v1/notices?{query}").json()
            assert told["through"] == 5
            return [notice["seq"] for notice in told["notices"]], told["next"]

        assert page("limit=2") == ([4, 5], 4)
        assert page("limit=2&before=4") == ([2, 3], 2)
        assert page("limit=2&before=2") == ([1], None)
        assert page("before=1") == ([], None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "bad_json")),
        (b"[]", (422, "invalid")),
        (b"{}", (422, "invalid")),
        (b'{"message": 7}', (422, "invalid")),
        (b'{"message": ""}', (422, "empty")),
        (b'{"message": "\\u0000"}', (422, "bad_text")),
        (b'{"message": "x", "client_id": "a b"}', (422, "bad_command")),
        (b'{"message": "' + b"x" * 16_001 + b'"}', (422, "too_long")),
    ],
)
def test_a_bad_body_is_told_what_is_wrong_with_it(
    server: Running, acme: Org, body: bytes, expected: tuple[int, str]
) -> None:
    with as_(server, acme, acme.owner) as http:
        answer = http.post("/api/v1/rooms/general/messages", content=body, headers={"Content-Type": "application/json"})
        assert code(answer) == expected
        assert http.get("/api/v1/rooms").json()["rooms"][0]["seq"] == 0


def test_who_posts_too_fast_is_told_when_to_come_back(server: Running, acme: Org) -> None:
    with as_(server, acme, acme.owner) as http:
        for number in range(200):
            answer = http.post("/api/v1/rooms/general/messages", json={"message": f"m{number}"})
            if answer.status_code != 201:
                break
        assert code(answer) == (429, "rate_limited")
        assert answer.json()["retry_after"] > 0
        assert int(answer.headers["retry-after"]) >= 1


def test_what_is_not_there_is_a_problem_too(server: Running, acme: Org) -> None:
    with as_(server, acme, acme.owner) as http:
        for path in (
            "/api/",
            "/api/v1/",
            "/api/v1/nothing",
            "/api/v2/rooms",
            "/api/v1/rooms/",
            "/api/v1/rooms/%00/messages",
        ):
            assert code(http.get(path)) == (404, "not_found"), path
        refused = http.delete("/api/v1/rooms")
        assert code(refused) == (405, "method_not_allowed")
        assert set(refused.headers["allow"].split(", ")) == {"GET", "POST"}
    with server.client(acme.space.slug) as nobody:
        assert code(nobody.get("/api/v1/session")) == (401, "unauthorized")


def test_a_session_changes_nothing_without_its_csrf_token(server: Running, acme: Org) -> None:
    with signed_in(server, acme, acme.owner) as session:
        token, said = session.http.cookies["csrftoken"], {"title": "Plans"}
        assert session.http.get("/api/v1/rooms").status_code == 200
        assert code(session.http.post("/api/v1/rooms", json=said)) == (403, "csrf")
        wrong = session.http.post("/api/v1/rooms", json=said, headers={"X-CSRFToken": token[::-1]})
        assert code(wrong) == (403, "csrf")
        assert [room["room"] for room in session.http.get("/api/v1/rooms").json()["rooms"]] == ["general"]
        right = session.http.post("/api/v1/rooms", json=said, headers={"X-CSRFToken": token})
        assert right.status_code == 201
