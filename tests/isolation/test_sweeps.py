"""Everything that has an address or a name, tried across: by Mallory at acme, by nobody, and by Mallory at home with
what belongs to acme. No canary of acme ever comes back, and nothing falls over."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from realtime.protocol import COMMANDS
from tests.clients import opened, signed_in
from tests.isolation.site import Ring

# What fits for each part of an address; whatever is a number is 1.
FILLED = defaultdict(lambda: "1", room="plans", slug="plans", emoji="👍", secret="x" * 32, key="k", mark="m")


def operations(http: httpx.Client) -> Iterator[tuple[str, str]]:
    """Every operation of the API, from its own description."""
    for path, methods in http.get("/api/v1/openapi.json").json()["paths"].items():
        for method in methods:
            yield method, path.format_map(FILLED)


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """Every page of an organisation's site, with something that fits for each part of its address."""
    for each in patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, route)
        elif "api/" not in route:
            yield "/" + re.sub(r"<\w+:(\w+)>", lambda part: FILLED[part[1]], route)


def pages() -> list[str]:
    found = sorted(set(addresses(get_resolver("saas.urls").url_patterns)))
    return [page for page in found if not set("(^") & set(page)]


def test_no_operation_of_the_api_answers_somebody_from_elsewhere(ring: Ring) -> None:
    with (
        ring.site.client(ring.ours.slug, token=ring.alice.token) as alice,
        ring.site.client(ring.ours.slug, token=ring.mallory.token) as intruder,
        ring.site.client(ring.ours.slug) as nobody,
    ):
        tried = list(operations(alice))
        assert len(tried) >= 10, "a short list proves little"
        assert ring.ours.canary in alice.get("/api/v1/rooms").text
        for method, path in tried:
            for http in (intruder, nobody):
                answer = http.request(method, path, json={"message": "x", "title": "x", "name": "x"})
                assert answer.status_code == 401, (method, path, answer.text)
                assert ring.ours.canary not in answer.text


def test_no_operation_at_home_shows_what_belongs_to_the_others(ring: Ring) -> None:
    with ring.site.client(ring.theirs.slug, token=ring.mallory.token) as mallory:
        assert ring.theirs.canary in mallory.get("/api/v1/rooms").text
        for method, path in operations(mallory):
            if method != "delete":
                answer = mallory.request(method, path, json={"message": "x", "title": "x", "name": "x"})
                assert answer.status_code < 500, (method, path, answer.text)
                assert ring.ours.canary not in answer.text


def test_no_page_shows_anything_to_a_session_of_elsewhere(ring: Ring) -> None:
    with (
        signed_in(ring.site, ring.ours.org, ring.alice) as alice,
        signed_in(ring.site, ring.theirs.org, ring.mallory) as mallory,
        ring.site.client(ring.ours.slug) as http,
    ):
        tried = pages()
        assert {"/", "/chat/", "/chat/plans/", "/accounts/email/"} <= set(tried)
        cookie = {"Cookie": mallory.headers["Cookie"]}
        for page in tried:
            own = alice.http.get(page, follow_redirects=False) if "logout" not in page else None
            assert own is None or own.status_code < 500, page
            answer = http.get(page, headers=cookie)
            assert answer.status_code < 500, page
            assert ring.ours.canary not in answer.text, page
        assert ring.ours.canary in alice.http.get("/chat/plans/").text


@pytest.mark.parametrize("do", COMMANDS)
async def test_no_command_reaches_a_room_of_the_others(ring: Ring, do: str) -> None:
    """The room has the same name in both, and one has a name that only acme knows."""
    async with (
        opened(ring.site, ring.theirs.org, by=ring.mallory) as mallory,
        opened(ring.site, ring.ours.org, by=ring.alice) as alice,
    ):
        await alice.asks("hello", rooms={"general": 0, "plans": 0})
        before = len(alice.heard)
        for room in ("general", "plans"):
            fields = {
                "room": room,
                "since": 0,
                "rooms": {room: 0},
                "client_id": f"x-{do}-{room}",
                "message": "intruder",
            }
            await mallory.asks(do, **fields, data={"typing": True})
        await alice.asks("signal", room="general", data={"mark": do})
        await alice.hears(on="signal")
        told = json.dumps(alice.heard[before:])
        assert "intruder" not in told
        assert "typing" not in told
        assert ring.ours.canary not in json.dumps(mallory.heard)
