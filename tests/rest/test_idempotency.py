"""A POST with an Idempotency-Key happens once, however often it is sent."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from tenants import sweeping
from tenants.people import idempotency
from tenants.people.models import Answer
from tests.cast import Member, Org
from tests.clients import signed_in
from tests.running import Running

Post = Callable[..., httpx.Response]


@pytest.fixture
def post(server: Running) -> Post:
    def post(org: Org, who: Member, path: str, body: Any = None, key: str | None = "k-1") -> httpx.Response:
        with server.client(org.space.slug, token=who.token) as http:
            return http.post(f"/api/v1{path}", json=body, headers={"Idempotency-Key": key} if key else {})

    return post


def titles(server: Running, org: Org) -> list[str]:
    with server.client(org.space.slug, token=org.owner.token) as http:
        return [room["title"] for room in http.get("/api/v1/rooms").json()["rooms"]]


def kept(org: Org) -> list[tuple[int, str]]:
    return org.inside(lambda: list(Answer.objects.values_list("user_id", "key")))


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_same_request_again_has_happened_once_and_is_answered_the_same(
    post: Post, server: Running, acme: Org
) -> None:
    first = post(acme, acme.owner, "/rooms", {"title": "Plans"})
    again = post(acme, acme.owner, "/rooms", {"title": "Plans"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert titles(server, acme) == ["General", "Plans"]


def test_an_answer_without_a_body_is_repeated_too(post: Post, acme: Org) -> None:
    post(acme, acme.owner, "/rooms", {"title": "Plans"}, key=None)
    first = post(acme, acme.owner, "/rooms/plans/leave")
    again = post(acme, acme.owner, "/rooms/plans/leave")
    assert [(each.status_code, each.content) for each in (first, again)] == [(204, b""), (204, b"")]
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body"), [("/rooms", {"title": "Others"}), ("/rooms/general/join", {"title": "Plans"})]
)
def test_a_key_is_for_one_request(post: Post, server: Running, acme: Org, path: str, body: Any) -> None:
    post(acme, acme.owner, "/rooms", {"title": "Plans"})
    assert told(post(acme, acme.owner, path, body)) == (422, "idempotency_mismatch")
    assert titles(server, acme) == ["General", "Plans"]


def test_a_key_is_of_one_person_in_one_organisation(post: Post, acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    assert acme.owner.actor.user_id == globex.owner.actor.user_id
    answers = [
        post(org, who, "/rooms", {"title": f"Plans of {who.name}"})
        for org, who in ((acme, acme.owner), (acme, bob), (globex, globex.owner))
    ]
    assert [each.status_code for each in answers] == [201, 201, 201]
    assert not any("idempotent-replayed" in each.headers for each in answers)
    assert (len(kept(acme)), len(kept(globex))) == (2, 1)


def test_whoever_has_no_right_to_ask_is_answered_nothing_that_was_kept(
    post: Post, server: Running, acme: Org, globex: Org
) -> None:
    post(acme, acme.owner, "/rooms", {"title": "Plans"})
    for token in (None, globex.owner.token):
        with server.client(acme.space.slug, token=token) as http:
            answer = http.post("/api/v1/rooms", json={"title": "Plans"}, headers={"Idempotency-Key": "k-1"})
        assert told(answer) == (401, "unauthorized")
        assert "Plans" not in answer.text


def test_a_session_needs_its_csrf_token_with_a_key_as_well(server: Running, acme: Org) -> None:
    with signed_in(server, acme, acme.owner) as session:
        answer = session.http.post("/api/v1/rooms", json={"title": "Plans"}, headers={"Idempotency-Key": "k-1"})
    assert told(answer) == (403, "csrf")


def test_of_two_at_once_one_happens_and_the_other_is_answered_the_same_or_told_to_wait(
    post: Post, server: Running, acme: Org
) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(acme, acme.owner, "/rooms", {"title": "Plans"}), range(8)))
    done = [each for each in answers if each.status_code == 201]
    assert len({each.content for each in done}) == 1
    assert len([each for each in done if "idempotent-replayed" not in each.headers]) == 1
    for each in answers:
        if each not in done:
            assert told(each) == (409, "in_progress")
            assert each.headers["retry-after"] == "1"
    assert titles(server, acme) == ["General", "Plans"]


def test_while_the_first_is_under_way_the_second_is_told_so(post: Post, acme: Org) -> None:
    from django.db import transaction

    def meanwhile() -> httpx.Response:
        with transaction.atomic():
            idempotency._take_turn(acme.owner.actor.user_id, "k-1")
            return post(acme, acme.owner, "/rooms", {"title": "Plans"})

    assert told(acme.inside(meanwhile)) == (409, "in_progress")
    assert post(acme, acme.owner, "/rooms", {"title": "Plans"}).status_code == 201


def test_a_refusal_is_not_kept_for_it_has_changed_nothing(post: Post, acme: Org) -> None:
    bob = acme.add("bob")
    body = {"people": [bob.actor.user_id]}
    assert told(post(acme, acme.owner, "/rooms/plans/members", body)) == (404, "not_found")
    assert kept(acme) == []
    post(acme, acme.owner, "/rooms", {"title": "Plans"}, key=None)
    assert post(acme, acme.owner, "/rooms/plans/members", body).json()["invited"][0]["user"] == "bob"


def test_a_secret_is_told_once_and_kept_nowhere(post: Post, acme: Org) -> None:
    first = post(acme, acme.owner, "/tokens", {"name": "laptop"})
    again = post(acme, acme.owner, "/tokens", {"name": "laptop"})
    assert first.status_code == 201
    assert told(again) == (409, "answered_already")
    rows = acme.inside(lambda: list(Answer.objects.values()))
    assert len(rows) == 1
    assert first.json()["token"] not in str(rows)


def test_a_mailed_invitation_has_no_secret_to_tell_and_is_answered_the_same(post: Post, acme: Org) -> None:
    first, again = (post(acme, acme.owner, "/invitations", {"email": "bob@acme.example"}) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    links = [post(acme, acme.owner, "/invitations", {}, key="k-2") for _ in range(2)]
    assert links[0].json()["url"]
    assert told(links[1]) == (409, "answered_already")


@pytest.mark.parametrize("key", ["", "a b", "x" * 101, "ä"])
def test_a_key_that_is_none_is_refused(server: Running, acme: Org, key: str) -> None:
    with server.client(acme.space.slug, token=acme.owner.token) as http:
        answer = http.post("/api/v1/rooms", json={"title": "x"}, headers={"Idempotency-Key": key.encode()})  # type: ignore[dict-item]
    assert told(answer) == (422, "invalid")


def test_only_posts_are_kept(server: Running, acme: Org) -> None:
    with server.client(acme.space.slug, token=acme.owner.token) as http:
        for _ in range(2):
            answer = http.put("/api/v1/rooms/general/read", json={"seq": 0}, headers={"Idempotency-Key": "k-1"})
            assert answer.status_code == 200
            assert "idempotent-replayed" not in answer.headers
    assert kept(acme) == []


def test_an_answer_is_kept_for_a_day(post: Post, acme: Org, globex: Org) -> None:
    def age(key: str, hours: int) -> None:
        Answer.objects.filter(key=key).update(at=timezone.now() - timedelta(hours=hours))

    for org in (acme, globex):
        for key in ("old", "young"):
            post(org, org.owner, "/rooms", {"title": f"{key} plans"}, key=key)
        org.inside(age, "old", 25)
        org.inside(age, "young", 23)
    assert told(post(acme, acme.owner, "/rooms", {"title": "else"}, key="young")) == (422, "idempotency_mismatch")
    assert post(acme, acme.owner, "/rooms", {"title": "else"}, key="old").status_code == 201
    assert {key for _, key in kept(globex)} == {"old", "young"}

    sweeping.forget_answers.func()

    assert {key for _, key in kept(globex)} == {"young"}
