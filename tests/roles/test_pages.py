"""The table of roles × every page of an organisation's site."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tenants.roles import RIGHTS, Role
from tests.cast import PASSWORD, Org, found
from tests.clients import Session, signed_in
from tests.roles.stage import RECIPES, Stage, newcomer
from tests.running import Running

Page = tuple[str, str, Callable[..., Any]]  # its name, its address, its view

# Pages that the table does not know, each with its reason.
OPEN = {
    "arrive": "takes a ticket of sign-up",
    "join": "is for who is not a member yet",
    "logo": "stands on the page of signing in",
}


def pages() -> list[Page]:
    """Those of ours; pages of accounts are allauth's, which asks for a session by itself."""
    resolver = get_resolver("saas.urls")
    return [
        page for page in below(resolver.url_patterns) if not page[1].startswith(("/accounts/", "/api/")) or verb(page)
    ]


def below(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[Page]:
    for each in patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from below(each.url_patterns, route)
        else:
            yield str(each.name), route.replace("<int:", "<str:").replace("<str:", "{").replace(">", "}"), each.callback


def verb(page: Page) -> str:
    return getattr(page[2], "verb", "")


GUARDED = [page for page in pages() if verb(page)]


@pytest.fixture(scope="module")
def ours(database: str) -> Org:
    return found("acme", owner="alice")


@pytest.fixture(scope="module")
def theirs(database: str) -> Org:
    return found("globex", owner="mallory")


@pytest.fixture(scope="module")
def browsers(servers: Any, ours: Org) -> Iterator[dict[Role, tuple[Session, Stage]]]:
    """One browser for each role."""
    server: Running = servers.get()
    with ExitStack() as open_browsers:
        people = {role: ours.inside(newcomer, ours, role, PASSWORD) for role in Role}
        yield {
            role: (open_browsers.enter_context(signed_in(server, ours, who)), Stage(server, ours, who))
            for role, who in people.items()
        }


def test_every_page_is_of_a_verb_or_says_why_not() -> None:
    assert len(GUARDED) > 20, "a short list proves little"
    assert {page[0] for page in pages() if not verb(page)} == set(OPEN)
    assert {verb(page) for page in GUARDED} <= set(RIGHTS)


def address(page: Page, stage: Stage) -> str:
    """With what fits for each part of it."""
    return page[1].format_map(stage.org.inside(lambda: RECIPES[verb(page)](stage)).path)


def visit(http: httpx.Client, path: str) -> httpx.Response:
    """By a link; and if the page is only posted to, by a form."""
    answer = http.get(path)
    if answer.status_code == 405:
        answer = http.post(path, data={"csrfmiddlewaretoken": http.cookies["csrftoken"]})
    return answer


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("page", GUARDED, ids=lambda page: page[0])
def test_the_table_decides_on_pages(browsers: dict[Role, tuple[Session, Stage]], page: Page, role: Role) -> None:
    session, stage = browsers[role]

    answer = visit(session.http, address(page, stage))

    if role.at_least(RIGHTS[verb(page)].least):
        assert answer.status_code in (200, 302, 422), answer.text
        assert "/accounts/login/" not in answer.headers.get("location", "")
    else:
        assert answer.status_code == 403
        assert "Your role does not allow this" in answer.text
        posted = session.http.post(
            answer.request.url.path, data={"csrfmiddlewaretoken": session.http.cookies["csrftoken"]}
        )
        assert posted.status_code == 403


@pytest.mark.parametrize("page", GUARDED, ids=lambda page: page[0])
def test_everybody_else_is_taken_to_the_page_of_signing_in(
    browsers: dict[Role, tuple[Session, Stage]], server: Running, ours: Org, theirs_session: Session, page: Page
) -> None:
    path = address(page, browsers[Role.OWNER][1])
    foreign = {"session": theirs_session.http.cookies["session"]}
    for cookies in ({}, foreign):
        with server.client(ours.space.slug, cookies=cookies) as http:
            http.get("/accounts/login/")
            answer = visit(http, path)
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (302, "/accounts/login/")
            assert ours.owner.name not in answer.text


@pytest.fixture(scope="module")
def theirs_session(servers: Any, theirs: Org) -> Iterator[Session]:
    """Mallory's browser, which is let in at home."""
    with signed_in(servers.get(), theirs, theirs.owner) as session:
        assert session.http.get("/members/").status_code == 200
        yield session
