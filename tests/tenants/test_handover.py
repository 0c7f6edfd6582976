"""From the sign-up page into the new space: one ticket, one sign-in, in the browser that signed up."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from tenants import directory, organizations, tickets
from tenants.directory import Space
from tenants.models import SignUpAttempt, Ticket
from tenants.people.credentials import digest
from tests.cast import PASSWORD, Org
from tests.tenants.visitors import Visitor


@pytest.fixture
def newcomer(database: str) -> Iterator["Newcomer"]:
    SignUpAttempt.objects.all().delete()
    yield Newcomer()
    SignUpAttempt.objects.all().delete()


class Newcomer:
    """A browser that has just sent the sign-up form off. It follows nothing by itself."""

    def __init__(self) -> None:
        self.slug = f"new-{secrets.token_hex(4)}"
        self.public = Visitor(settings.PUBLIC_URL)
        told = {"name": "Nova", "slug": self.slug, "email": f"nora@{self.slug}.example", "password": PASSWORD}
        self.answer = self.public.post("/", **told)

    @property
    def space(self) -> Space:
        space = directory.look_up(f"{self.slug}.{settings.BASE_DOMAIN}")
        assert space is not None
        return space

    def ticket(self) -> str:
        page = self.public.get("/handover/")
        assert page.status_code == 200
        assert f'action="{self.space.url}/arrive/"' in page.text
        (ticket,) = re.findall(r'name="ticket" value="([a-z2-7]{32})"', page.text)
        return str(ticket)

    def arrive(
        self, ticket: str, *, origin: str | None = settings.PUBLIC_URL, at: Visitor | None = None
    ) -> httpx.Response:
        self.there = at or Visitor(self.space.url)
        headers = {"origin": origin} if origin else {}
        return asyncio.run(self.there.http.post("/arrive/", data={"ticket": ticket}, headers=headers))


def test_the_browser_lands_signed_in_in_the_new_space(newcomer: Newcomer) -> None:
    landed = newcomer.arrive(newcomer.ticket())

    assert (newcomer.answer.status_code, newcomer.answer.headers["location"]) == (303, "/handover/")
    assert (landed.status_code, landed.headers["location"]) == (303, "/")
    session = newcomer.there.session().json()
    assert (session["role"], session["email"]) == ("owner", f"nora@{newcomer.slug}.example")


def test_the_cookie_is_of_the_public_host_alone_and_short_lived(newcomer: Newcomer) -> None:
    (cookie,) = [header for header in newcomer.answer.headers.get_list("set-cookie") if header.startswith("handover=")]

    assert {part.strip() for part in cookie.split(";")[1:]} >= {"HttpOnly", "Max-Age=60", "Path=/", "SameSite=Strict"}
    assert "domain" not in cookie.lower()


def test_secrets_are_stored_as_hashes(newcomer: Newcomer) -> None:
    cookie, ticket = newcomer.public.http.cookies["handover"], newcomer.ticket()

    row = Ticket.objects.get(organization_id=newcomer.space.id)

    assert (row.cookie_hash, row.token_hash) == (digest(cookie), digest(ticket))


def test_the_page_sends_its_origin_along_and_is_not_kept(newcomer: Newcomer) -> None:
    page = newcomer.public.get("/handover/")

    assert page.headers["referrer-policy"] == "strict-origin"
    assert "no-store" in page.headers["cache-control"]


def test_a_ticket_works_once(newcomer: Newcomer) -> None:
    ticket = newcomer.ticket()
    newcomer.arrive(ticket)

    again = newcomer.arrive(ticket)

    assert again.status_code == 400
    assert newcomer.there.session().status_code == 401


def test_fetching_a_ticket_again_ends_the_earlier_one(newcomer: Newcomer) -> None:
    earlier, later = newcomer.ticket(), newcomer.ticket()

    assert newcomer.arrive(earlier).status_code == 400
    assert newcomer.arrive(later).status_code == 303


def test_after_a_minute_neither_cookie_nor_ticket_is_worth_anything(newcomer: Newcomer) -> None:
    ticket = newcomer.ticket()
    left = Ticket.objects.get(organization_id=newcomer.space.id).expires_at - timezone.now()
    Ticket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert timedelta(seconds=30) < left <= tickets.LIFETIME
    assert newcomer.arrive(ticket).status_code == 400
    assert newcomer.public.get("/handover/").status_code == 400


def test_without_the_cookie_there_is_no_ticket(newcomer: Newcomer) -> None:
    assert Visitor(settings.PUBLIC_URL).get("/handover/").status_code == 400


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://globex.localhost:8000"])
def test_a_ticket_from_anywhere_but_the_public_site_is_refused(newcomer: Newcomer, origin: str | None) -> None:
    ticket = newcomer.ticket()

    refused = newcomer.arrive(ticket, origin=origin)

    assert refused.status_code == 403
    assert newcomer.there.session().status_code == 401
    assert newcomer.arrive(ticket).status_code == 303


def test_a_ticket_opens_no_other_organisation(newcomer: Newcomer, globex: Org) -> None:
    ticket = newcomer.ticket()

    refused = newcomer.arrive(ticket, at=Visitor(globex.space.url))

    assert refused.status_code == 400
    assert newcomer.there.session().status_code == 401
    assert newcomer.arrive(ticket).status_code == 303


def test_whoever_was_signed_in_before_is_signed_out_and_the_session_key_is_new(newcomer: Newcomer) -> None:
    newcomer.arrive(newcomer.ticket())
    browser, first_key = newcomer.there, newcomer.there.session_key
    cookie = tickets.leave(newcomer.space, 1)
    newcomer.public.http.cookies.set("handover", cookie, domain="localhost.local")

    landed = newcomer.arrive(newcomer.ticket(), at=browser)

    assert landed.status_code == 303
    assert browser.session_key != first_key
    stranger = Visitor(newcomer.space.url)
    stranger.http.cookies.set(settings.SESSION_COOKIE_NAME, first_key)
    assert stranger.session().status_code == 401
    assert browser.session().status_code == 200


def test_looking_at_the_way_in_does_nothing(newcomer: Newcomer) -> None:
    there = Visitor(newcomer.space.url).get("/arrive/")

    assert (there.status_code, there.headers["location"]) == (303, "/")


def test_a_form_that_is_wrong_comes_back_with_sentences(newcomer: Newcomer) -> None:
    taken = Visitor(settings.PUBLIC_URL).post(
        "/", name="Nova", slug=newcomer.slug, email="nora@example.com", password=PASSWORD
    )
    weak = Visitor(settings.PUBLIC_URL).post(
        "/", name="Nova", slug=f"{newcomer.slug}-2", email="nora@example.com", password="password1234"
    )

    assert taken.status_code == weak.status_code == 422
    assert "This address is taken. Choose another one." in taken.text
    assert "This password is too common." in weak.text
    assert "password1234" not in weak.text


def test_a_form_without_its_csrf_token_is_refused_in_words(database: str) -> None:
    told = {"name": "Nova", "slug": "no-token", "email": "nora@example.com", "password": PASSWORD}

    refused = asyncio.run(Visitor(settings.PUBLIC_URL).http.post("/", data=told))

    assert refused.status_code == 403
    assert "Reload it and try again." in refused.text
    assert organizations.Organization.objects.filter(domains__domain="no-token").count() == 0
