"""A real Chromium, and a space with two people in it. Every page is watched: a violation of the policy or an uncaught
exception fails the test that caused it."""

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.test import override_settings
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from infra import browser as browsers
from tests.e2e.people import PASSWORD, Account, Person

if TYPE_CHECKING:
    from tests.cast import Org

PATIENCE = 20_000  # ms: generous, for a machine with other things to do
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

WATCH = """
addEventListener("securitypolicyviolation", (event) => {
  told(`policy violated: ${event.violatedDirective} by ${event.blockedURI} ${event.sample} on ${location}`);
});
"""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers.found(), args=[*QUIET, "--disable-sync"])
        yield browser
        browser.close()


class Watched:
    """Opens browsers, each a person's own, and remembers what went wrong in them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.troubles: list[str] = []

    def open(self, home: str, **options: Any) -> Person:
        context = self._browser.new_context(locale="en-GB", **options)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.expose_binding("told", lambda _, trouble: self.troubles.append(trouble))
        context.add_init_script(WATCH)
        context.on("weberror", lambda problem: self.troubles.append(f"uncaught: {problem.error}"))
        return Person(context, home)

    def show(self) -> None:
        """Prints what each page shows now; pytest tells it of a test that failed."""
        for page in (page for context in self._contexts for page in context.pages):
            print(page.url, page.evaluate("document.body.innerText"), sep="\n", end="\n\n")

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert self.troubles == []


@pytest.fixture
def watched(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Watched]:
    watched = Watched(browser)
    yield watched
    if request.session.testsfailed:
        watched.show()
    watched.close()


Open = Callable[..., Person]


@pytest.fixture
def opens(watched: Watched) -> Open:
    """Opens a browser for somebody: `opens(server.url)`, or signed in already: `opens(space.alice)`."""

    def open(whom: Account | str, **options: Any) -> Person:
        if isinstance(whom, str):
            return watched.open(whom, **options)
        return watched.open(whom.home, storage_state=whom.state, **options)

    return open


@pytest.fixture(scope="package")
def server(servers: Any) -> Any:
    return servers.get()


@dataclass(frozen=True)
class Space:
    home: str
    alice: Account  # its owner
    bob: Account
    org: "Org"

    def has_heard(self, room: str, texts: Iterable[str]) -> None:
        """Alice has said all this there: by the product's verb, but faster than anybody may type."""
        from tests.realtime.furniture import says

        with override_settings(LIMITS="unlimited"):
            for text in texts:
                says(self.org, self.org.owner, room, text)


@pytest.fixture(scope="package")
def space(browser: Browser, server: Any) -> Iterator[Space]:
    """One space for all tests on this server: each opens a room of its own."""
    org = aside(make_space)
    slug = org.space.slug
    home = f"http://{server.host(slug)}"
    watched = Watched(browser)
    alice, bob = (_sign_in(watched, home, name, slug) for name in ("Alice", "Bob"))
    yield Space(home, alice, bob, org)
    watched.close()


def make_space() -> "Org":
    from tests.cast import found

    org = found("works", owner="Alice")
    org.add("Bob")
    return org


def _sign_in(watched: Watched, home: str, name: str, slug: str) -> Account:
    person = watched.open(home)
    email = f"{name.lower()}@{slug}.example"
    person.signs_in(email)
    person.page.wait_for_url(f"{home}/")
    return Account(name, email, home, person.context.storage_state())


@pytest.fixture
def nobody_signed_up_lately(database: str) -> None:
    """Signing up is limited per address, and all tests come from one."""
    from tenants.models import SignUpAttempt

    aside(SignUpAttempt.objects.all().delete)


def aside(work: Callable[[], Any]) -> Any:
    """Runs it in a thread of its own: Playwright keeps an event loop in this one, where Django refuses to query."""
    from django.db import connections

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def joins(watched: Watched, home: str, link: str, name: str, email: str) -> Person:
    person = watched.open(home)
    person.page.goto(link)
    person.page.get_by_label("Your name").fill(name)
    person.page.get_by_label("E-mail").fill(email)
    person.page.get_by_label("Password").fill(PASSWORD)
    person.page.get_by_role("button", name="Join").click()
    person.page.wait_for_url(lambda url: "/join/" not in url)
    return person


def link_in_mail(servers: Any, email: str, part: str) -> str:
    """The link of this kind that was mailed to this address; waits for it.

    All servers of a run share the database, so the worker of any of them may have sent the mail to its own mailbox.
    """
    pattern = re.compile(rf"https?://\S+{re.escape(part)}\S+")
    for _ in range(PATIENCE // 100):
        for running in servers.running.values():
            mails = httpx.get(f"{running.mailbox_url}/messages.json", params={"to": email}).json()["messages"]
            for match in filter(None, (pattern.search(mail["text"]) for mail in mails)):
                return match.group()
        _between_looks.wait(0.1)
    raise AssertionError(f"no mail to {email} with a link to {part}")


_between_looks = Event()  # never set: only the pause between two looks into the mailbox
