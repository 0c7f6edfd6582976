"""The doors: found by host name alone, refused by name, and never by a traceback."""

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from saas.asgi import application
from tenants import directory, requests
from tenants.doors import Refusal, client_address, host_name
from tenants.models import Domain
from tenants.requests import MOST_BODY
from tests.cast import Org


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> tuple[int, str]:
        assert self.headers["content-type"] == "application/problem+json"
        told = json.loads(self.body)
        assert told["status"] == self.status
        assert told["detail"].endswith(".")
        return self.status, told["code"]


def scope(path: str = "/api/v1/session", *headers: tuple[bytes, bytes], method: str = "GET") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "headers": list(headers),
        "client": ("192.0.2.1", 4000),
        "server": ("127.0.0.1", 8000),
    }


class Call:
    """One request to the whole application, exactly as a server would hand it on."""

    def __init__(self, scope: dict[str, Any], *chunks: bytes) -> None:
        self.scope = scope
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for chunk in chunks or (b"",):
            self.incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": True})
        self.told: list[dict[str, Any]] = []

    def ends(self) -> None:
        self.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def answer(self) -> Answer:
        async def send(message: dict[str, Any]) -> None:
            self.told.append(message)

        async with asyncio.timeout(60):
            await application(self.scope, self.incoming.get, send)
        start, *rest = self.told
        headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message["body"] for message in rest))


async def get(path: str, host: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    call = Call(scope(path, (b"host", host), *headers))
    call.ends()
    return await call.answer()


def host_of(org: Org) -> bytes:
    return f"{org.space.slug}.{settings.BASE_DOMAIN}".encode()


def bearer(org: Org) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {org.owner.token}".encode()


# Host names.


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        (b"acme.localhost", "acme.localhost"),
        (b"ACME.LocalHost", "acme.localhost"),
        (b"acme.localhost.", "acme.localhost"),
        (b"acme.localhost:8000", "acme.localhost"),
        (b"acme.localhost.:8000", "acme.localhost"),
        (b"xn--mnchen-3ya.localhost", "xn--mnchen-3ya.localhost"),
        (b"127.0.0.1:8000", "127.0.0.1"),
        (b"a" * 253, "a" * 253),
    ],
)
def test_a_host_is_its_name_in_lower_case_without_port_and_final_dot(spelled: bytes, name: str) -> None:
    assert host_name(scope("/", (b"host", spelled))) == name


@pytest.mark.parametrize(
    "spelled",
    [
        b"",
        b".",
        b":8000",
        b"acme.localhost:",
        b"acme.localhost:80x",
        b"acme.localhost:\xb2",
        b"acme.localhost:8000:8000",
        b"acme.localhost:123456",
        b"acme localhost",
        b" acme.localhost",
        b"acme.localhost\n",
        b"acme.localhost/x",
        b"user@acme.localhost",
        b"acme.localhost, globex.localhost",
        b"[::1]:8000",
        b"acme_.localhost",
        "münchen.localhost".encode(),
        "münchen.localhost".encode("latin-1"),
        "ＡＣＭＥ.localhost".encode(),
        "acme。localhost".encode(),
        b"acme.localhost\0",
        b"%61cme.localhost",
        b"a" * 300,
    ],
)
async def test_what_is_no_host_is_refused_in_a_sentence(database: str, spelled: bytes) -> None:
    assert (await get("/api/v1/session", spelled)).problem == (400, "bad_host")


@pytest.mark.parametrize("lines", [[], [b"acme.localhost", b"acme.localhost"], [b"localhost", b"acme.localhost"]])
def test_no_host_and_two_hosts_are_none(lines: list[bytes]) -> None:
    with pytest.raises(Refusal) as refusal:
        host_name(scope("/", *((b"host", line) for line in lines)))
    assert refusal.value.code == "bad_host"


async def test_an_organisation_is_found_however_its_host_is_spelled(acme: Org) -> None:
    host = host_of(acme)
    for spelled in (host, host.upper(), host + b".", host + b":8000", host + b":1", host.title() + b".:80"):
        answer = await get("/api/v1/session", spelled, bearer(acme))
        assert answer.status == 200, spelled
        assert json.loads(answer.body)["organization"]["address"] == acme.space.slug


async def test_hosts_beside_an_organisations_own_are_nobodys(acme: Org) -> None:
    slug, base = acme.space.slug, settings.BASE_DOMAIN
    for host in (
        slug,
        f"{slug}.{base}.evil.example",
        f"{slug}.evil.example",
        f"x.{slug}.{base}",
        f"{slug}.{base}.{base}",
    ):
        answer = await get("/api/v1/session", host.encode(), bearer(acme))
        assert answer.problem == (404, "unknown_organization"), host


async def test_a_host_name_of_an_organisations_own_is_no_label_under_the_base_domain(acme: Org) -> None:
    own = f"chat.{acme.space.slug}.example"
    acme.outside(lambda: Domain.objects.create(domain=own, tenant_id=acme.space.id, is_primary=False))
    assert (await get("/api/v1/session", own.encode(), bearer(acme))).status == 200
    under = f"{own}.{settings.BASE_DOMAIN}".encode()
    assert (await get("/api/v1/session", under, bearer(acme))).problem == (404, "unknown_organization")


async def test_what_was_not_found_is_not_remembered(acme: Org) -> None:
    label = f"later-{acme.key}"
    host = f"{label}.{settings.BASE_DOMAIN}"
    assert await directory.find(host) is None
    acme.outside(lambda: Domain.objects.create(domain=label, tenant_id=acme.space.id, is_primary=False))
    found = await directory.find(host)
    assert found is not None
    assert found.key == acme.key


# Where a request comes from.


PEER, MADE_UP, CLIENT, INNER = "192.0.2.1", "198.51.100.66", "203.0.113.7", "10.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, [CLIENT], PEER),
        (0, [], PEER),
        (1, [], PEER),
        (1, [CLIENT], CLIENT),
        (1, [f"{MADE_UP}, {CLIENT}"], CLIENT),
        (1, [f"{MADE_UP},{MADE_UP} , {CLIENT} "], CLIENT),
        (1, [MADE_UP, CLIENT], CLIENT),  # a proxy that writes a line of its own
        (1, [""], PEER),
        (1, [f"{MADE_UP}, "], PEER),
        (2, [f"{CLIENT}, {INNER}"], CLIENT),
        (2, [f"{MADE_UP}, {CLIENT}, {INNER}"], CLIENT),
        (2, [MADE_UP, CLIENT, INNER], CLIENT),
        (2, [INNER], PEER),  # it came past the outer one
        (1, ["x" * 500], "x" * 64),
    ],
)
def test_forwarded_addresses_count_as_far_as_configured_proxies_wrote_them(
    proxies: int, forwarded: list[str], address: str
) -> None:
    with override_settings(PROXIES=proxies):
        assert client_address(scope("/", *((b"x-forwarded-for", line.encode()) for line in forwarded))) == address


async def test_the_host_and_scheme_that_a_client_claims_by_other_headers_count_for_nothing(
    acme: Org, globex: Org
) -> None:
    claims = [
        (b"x-forwarded-host", host_of(globex)),
        (b"forwarded", b"host=" + host_of(globex)),
        (b"x-forwarded-proto", b"https"),
        (b"x-original-host", host_of(globex)),
    ]
    with override_settings(PROXIES=1):
        answer = await get("/api/v1/session", host_of(acme), bearer(acme), *claims)
    assert json.loads(answer.body)["organization"]["address"] == acme.space.slug


# How it says no.


async def test_programs_are_told_by_a_problem_and_browsers_by_a_page(database: str) -> None:
    nobody, browser = b"nobody.localhost", (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")
    assert (await get("/", nobody)).problem == (404, "unknown_organization")
    assert (await get("/api/v1/session", nobody, browser)).problem == (404, "unknown_organization")
    page = await get("/", nobody, browser)
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"There is no organisation at this address." in page.body
    for answer in (page, await get("/", nobody)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_page_that_is_refused_shows_nothing_of_what_was_asked(database: str) -> None:
    browser = (b"accept", b"text/html")
    page = await get("/<script>alert(1)</script>", b"nobody-script.localhost", browser)
    assert b"script" not in page.body.lower()


@pytest.mark.parametrize("path", ["/api/v1/rooms/\0/messages", "/chat/\0/", "/join/\0/", "/\0"])
async def test_a_nul_in_the_address_finds_nothing(acme: Org, path: str, caplog: pytest.LogCaptureFixture) -> None:
    assert (await get(path, host_of(acme), bearer(acme))).problem == (404, "not_found")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("host", [b"nobody.localhost", b"127.0.0.1:8000", b"[::1]:8000", b"localhost", b"_", b""])
async def test_health_is_one_word_on_any_host_name(database: str, host: bytes) -> None:
    answer = await get("/livez", host)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"ok", "text/plain")


# How much it takes.


async def test_a_body_over_a_mebibyte_is_refused_without_waiting_for_its_end(acme: Org) -> None:
    said = scope("/api/v1/rooms", (b"host", host_of(acme)), bearer(acme), method="POST")
    call = Call(said, *[b"x" * 65_536] * (MOST_BODY // 65_536), b"x")
    answer = await call.answer()
    assert answer.problem == (413, "too_large")
    assert str(MOST_BODY).encode() in answer.body


async def test_json_that_no_verb_could_want_is_refused_as_too_large(acme: Org) -> None:
    said = scope("/api/v1/rooms", (b"host", host_of(acme)), bearer(acme), method="POST")
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    call = Call(said, b'{"title":"' + b"x" * most + b'"}')
    call.ends()
    answer = await call.answer()
    assert answer.problem == (413, "too_large")
    assert str(most).encode() in answer.body


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing_behind(acme: Org) -> None:
    call = Call(scope("/api/v1/rooms", (b"host", host_of(acme)), bearer(acme), method="POST"), b'{"title":')
    call.incoming.put_nowait({"type": "http.disconnect"})
    with pytest.raises(ValueError, match="not enough values"):
        await call.answer()  # there is no answer to take apart
    assert call.told == []


async def test_too_many_requests_at_once_are_told_to_come_back_and_health_is_not(
    acme: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST_WAITING", 2)
    slow = [Call(scope("/api/v1/session", (b"host", host_of(acme)), bearer(acme))) for _ in range(2)]
    waiting = [asyncio.create_task(call.answer()) for call in slow]
    async with asyncio.timeout(60):
        while not all(call.incoming.empty() for call in slow):
            await asyncio.sleep(0)

    refused = await get("/api/v1/session", host_of(acme), bearer(acme))
    assert refused.problem == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    assert (await get("/livez", host_of(acme))).status == 200

    for call in slow:
        call.ends()
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200, 200]
    assert (await get("/api/v1/session", host_of(acme), bearer(acme))).status == 200
