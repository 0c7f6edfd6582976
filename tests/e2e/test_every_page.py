"""Every page fits every screen, works by keyboard, is whole without scripts, and keeps to the policy."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Open, Space, Watched
from tests.e2e.people import PASSWORD
from tests.e2e.test_talking import in_a_room

PUBLIC = ["/", "/workspaces/", "/workspaces/sent/", "/operators/"]
OUTSIDE = ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/", "/join/unknown/"]
INSIDE = [
    "/",
    "/chat/general/",
    "/rooms/",
    "/rooms/general/",
    "/messages/",
    "/members/",
    "/members/hand-over/",
    "/members/leave/",
    "/profile/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/sessions/",
    "/accounts/logout/",
    "/nothing/here/",
]


@pytest.mark.parametrize("width", [360, 1920])
def test_no_page_scrolls_sideways(opens: Open, space: Space, server: Any, width: int) -> None:
    screen = {"viewport": {"width": width, "height": 740}}
    stranger, alice = opens(space.home, **screen), opens(space.alice, **screen)
    addresses = [
        *((stranger, server.url + path) for path in PUBLIC),
        *((stranger, space.home + path) for path in OUTSIDE),
        *((alice, space.home + path) for path in INSIDE),
    ]
    for person, address in addresses:
        person.page.goto(address)
        expect(person.page.get_by_role("heading", level=1)).to_be_visible()
        excess = person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert excess <= 0, f"{address} is {excess} px too wide for {width}"


def test_everything_on_the_way_from_signing_in_to_a_reaction_can_be_done_by_keyboard(opens: Open, space: Space) -> None:
    alice = opens(space.home)
    keys = alice.page.keyboard
    alice.goes_to("/accounts/login/?next=/chat/general/")
    tab_to(alice.page, "[name=login]")
    keys.type(space.alice.email)
    tab_to(alice.page, "[name=password]")
    keys.type(PASSWORD)
    keys.press("Enter")

    alice.page.wait_for_url(f"{space.home}/chat/general/")  # not by its end: the page of signing in ends so too
    alice.is_online()
    tab_to(alice.page, ".skip")
    keys.press("Enter")
    tab_to(alice.page, "#words")
    keys.type("Without a mouse")
    keys.press("Enter")
    alice.sees("Without a mouse")
    tab_to(alice.page, ".message", "Shift+Tab")
    keys.press("r")
    keys.press("Enter")
    expect(alice.page.get_by_role("button", name="👍 1: you")).to_be_visible()


def test_reading_works_without_scripts(opens: Open, space: Space) -> None:
    alice, _, room = in_a_room(opens, space)
    alice.says("In plain HTML")
    alice.sees_in_all("In plain HTML")

    bob = opens(space.bob, java_script_enabled=False)
    bob.goes_to(f"/chat/{room}/")
    expect(bob.messages).to_have_text(["In plain HTML"])
    expect(bob.page.locator("noscript p")).to_have_count(1)  # a browser with scripts sees no element in there


def test_the_policy_names_nothing_but_our_own(server: Any) -> None:
    for address in (server.url, f"{server.url}/operators/"):
        policy = httpx.get(address).headers["Content-Security-Policy"]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
        assert "unsafe" not in policy


def test_a_script_put_into_a_page_is_kept_from_running_and_is_noticed(
    opens: Open, space: Space, watched: Watched
) -> None:
    alice = opens(space.alice)
    alice.goes_to("/")
    with alice.page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        alice.page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "document.title = 'owned'";
              document.head.append(script);
            }"""
        )
    expect(alice.page).not_to_have_title("owned")
    (trouble,) = watched.troubles
    assert trouble.startswith("policy violated: script-src")
    watched.troubles.clear()


def tab_to(page: Any, selector: str, key: str = "Tab") -> None:
    """Presses Tab, or Shift+Tab, until the focus is there: within ten, or it cannot be reached."""
    for _ in range(10):
        if page.locator(f"{selector}:focus").count():
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {selector}")
