"""Coming in where one does not belong."""

import asyncio
import socket

from tenants import doors, organizations
from tenants.models import Organization
from tenants.schema import in_public
from tests.cast import founds
from tests.clients import opened, refused, signed_in
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def a_host_where_nobody_lives(ring: Ring) -> None:
    with ring.site.client("nobody-here", token=ring.alice.token) as http:
        answer = http.get("/api/v1/session")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_organization")
    assert await refused(ring.site, "nobody-here", by=ring.alice) == 404


@attempt
async def two_host_headers(ring: Ring) -> None:
    head = (
        "GET /ws/ HTTP/1.1",
        f"Host: {ring.site.host(ring.theirs.slug)}",
        f"Host: {ring.site.host(ring.ours.slug)}",
        f"Authorization: Bearer {ring.mallory.token}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with socket.create_connection(("127.0.0.1", ring.site.port)) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode())
        assert b" 400 " in await asyncio.to_thread(line.recv, 100)


@attempt
async def a_token_of_the_other_organisation(ring: Ring) -> None:
    for path in ("/ws/", "/ws/chat/general/", "/ws/notification/"):
        assert await refused(ring.site, ring.theirs.org, path, by=ring.mallory) == 101
        assert await refused(ring.site, ring.ours.org, path, by=ring.mallory) == 401
    with ring.site.client(ring.ours.slug, token=ring.mallory.token) as http:
        assert http.get("/api/v1/session").status_code == 401


@attempt
async def a_session_of_the_other_organisation(ring: Ring) -> None:
    with signed_in(ring.site, ring.theirs.org, ring.mallory) as session:
        async with opened(ring.site, ring.theirs.org, **session.headers) as own:
            await own.hears(on="welcome")
        there = session.headers | {"Origin": f"http://{ring.site.host(ring.ours.slug)}"}
        async with opened(ring.site, ring.ours.org, **there) as socket:
            assert await socket.is_closed() == 4401
        with ring.site.client(ring.ours.slug) as http:
            assert http.get("/api/v1/session", headers={"Cookie": there["Cookie"]}).status_code == 401


@attempt
async def a_socket_from_a_foreign_page(ring: Ring) -> None:
    with signed_in(ring.site, ring.ours.org, ring.alice) as session:
        async with opened(ring.site, ring.ours.org, **session.headers) as own:
            await own.hears(on="welcome")
        host = ring.site.host(ring.ours.slug)
        for origin in (
            f"http://{ring.site.host(ring.theirs.slug)}",
            f"http://localhost:{ring.site.port}",
            f"https://{host}",
            f"http://{host.split(':')[0]}",
            f"http://{host.split(':')[0]}:1",
            f"http://{host}.evil.example",
            "null",
        ):
            assert await refused(ring.site, ring.ours.org, **session.headers | {"Origin": origin}) == 403, origin
        assert await refused(ring.site, ring.ours.org, Cookie=session.headers["Cookie"]) == 403


@attempt
async def a_request_forged_by_a_foreign_page(ring: Ring) -> None:
    with signed_in(ring.site, ring.ours.org, ring.alice) as session:
        token = session.http.cookies["csrftoken"]
        said = {"message": "forged", "client_id": "forged"}
        forged = session.http.post("/api/v1/rooms/general/messages", json=said)
        assert (forged.status_code, forged.json()["code"]) == (403, "csrf")
        own = session.http.get("/api/v1/rooms")
        assert own.status_code == 200
        honest = session.http.post("/api/v1/rooms", json={"title": "honest"}, headers={"X-CSRFToken": token})
        assert honest.status_code == 201, honest.text


@attempt
async def a_suspended_organisation(ring: Ring) -> None:
    org = founds("closed", owner="carol")
    await in_public(organizations.suspend, org.space.slug)
    async with opened(ring.site, org, by=org.owner) as socket:
        assert await socket.is_closed() == 4403
    with ring.site.client(org.space.slug, token=org.owner.token) as http:
        assert (http.get("/api/v1/session").status_code, http.get("/accounts/login/").status_code) == (403, 403)


@attempt
async def a_schema_behind_the_code(ring: Ring) -> None:
    org = founds("behind", owner="carol")
    rows = Organization.objects.filter(pk=org.space.id)
    await in_public(lambda: rows.update(version=1))
    try:
        assert await refused(ring.site, org, by=org.owner) == 503
        with ring.site.client(org.space.slug) as http:
            assert http.get("/accounts/login/").status_code == 503
    finally:
        await in_public(lambda: rows.update(version=org.space.version))


@attempt
async def cookies_for_more_than_one_host(ring: Ring) -> None:
    with ring.site.client(ring.ours.slug) as http:
        told = http.get("/accounts/login/").headers["set-cookie"].lower()
        assert "csrftoken=" in told
        assert "domain" not in told


@attempt
async def an_address_that_the_client_made_up(ring: Ring) -> None:
    scope = {"client": ("192.0.2.1", 1), "headers": [(b"x-forwarded-for", b"198.51.100.7")]}
    assert doors.client_address(scope) == "192.0.2.1"
