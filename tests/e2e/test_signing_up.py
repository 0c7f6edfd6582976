"""From the public page to a conversation of two."""

import secrets
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.conftest import on
from tests.e2e.conftest import Open, Space, Watched, joins, link_in_mail
from tests.e2e.people import PASSWORD


@pytest.mark.parametrize("wish", [on(), on(LAYER="channels-redis"), on(LAYER="channels-postgres")])
def test_a_new_organisation_signs_up_lets_somebody_in_talks_and_misses_nothing(
    wish: dict[str, str], servers: Any, nobody_signed_up_lately: None, watched: Watched
) -> None:
    server, slug = servers.get(**wish), f"new-{secrets.token_hex(4)}"
    alice = watched.open(server.url)
    alice.goes_to("/")
    alice.page.get_by_label("Name of the organisation").fill("New Works")
    alice.page.get_by_label("Address").fill(slug)
    expect(alice.page.get_by_text("This address is free.")).to_be_visible()
    alice.page.get_by_label("Your e-mail").fill(f"alice@{slug}.example")
    alice.page.get_by_label("Password").fill(PASSWORD)
    alice.page.get_by_role("button", name="Make the space").click()

    alice.home = f"http://{server.host(slug)}"
    alice.page.wait_for_url(f"{alice.home}/")
    expect(alice.page.get_by_text("not verified yet")).to_be_visible()
    expect(alice.page.get_by_role("link", name="Invite people")).to_have_count(0)

    alice.page.goto(link_in_mail(servers, f"alice@{slug}.example", "/accounts/confirm-email/"))
    alice.page.get_by_role("button", name="Yes, it is mine").click()
    alice.goes_to("/")
    alice.page.get_by_role("link", name="Invite people").click()
    alice.page.get_by_text("By link").click()
    alice.page.get_by_role("button", name="Make a link").click()
    link = alice.page.get_by_label("New invitation link").input_value()

    bob = joins(watched, alice.home, link, "Bob", f"bob@{slug}.example")
    bob.enters("general")
    alice.enters("general")
    alice.says("Welcome, Bob")
    bob.sees_in_all("Welcome, Bob")
    bob.says("Good to be here")
    alice.sees_in_all("Welcome, Bob", "Good to be here")

    bob.goes_offline()
    for word in ("one", "two", "three"):
        alice.says(word)
    alice.sees("one", "two", "three")
    assert bob.messages.count() == 2, "or he was never offline"
    bob.comes_back()
    bob.sees_in_all("Welcome, Bob", "Good to be here", "one", "two", "three")


def test_the_address_follows_the_name_and_a_taken_or_reserved_one_is_told(
    opens: Open, space: Space, server: Any
) -> None:
    visitor = opens(server.url)
    visitor.goes_to("/")
    slug = visitor.page.get_by_label("Address")
    visitor.page.get_by_label("Name of the organisation").fill("Café Zürich & Söhne")
    expect(slug).to_have_value("cafe-zurich-sohne")
    verdict = visitor.page.locator("[data-verdict]")

    slug.fill(space.home.split("//")[1].split(".")[0])
    expect(verdict).to_have_attribute("data-available", "false")
    taken = verdict.inner_text()
    slug.fill("admin")
    expect(verdict).not_to_have_text(taken)
    expect(verdict).to_have_attribute("data-available", "false")
    slug.fill(f"free-{secrets.token_hex(4)}")
    expect(verdict).to_have_text("This address is free.")


def test_a_wrong_password_opens_nothing(opens: Open, space: Space) -> None:
    stranger = opens(space.home)
    stranger.signs_in(space.alice.email, "not her password")
    expect(stranger.page.get_by_role("alert")).to_be_visible()
    stranger.goes_to("/chat/general/")
    expect(stranger.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_forgotten_password_is_replaced_by_mail(watched: Watched, opens: Open, space: Space, servers: Any) -> None:
    alice = opens(space.alice)
    alice.goes_to("/")
    email = f"carol-{secrets.token_hex(4)}@works.example"
    joins(watched, space.home, alice.asks("POST", "invitations", {})["url"], "Carol", email)

    carol = opens(space.home)
    carol.goes_to("/accounts/login/")
    carol.page.get_by_role("link", name="Forgot").click()
    carol.page.get_by_label("E-mail").fill(email)
    carol.page.get_by_role("button", name="Send the link").click()
    expect(carol.page.get_by_role("heading", name="Look into your mail")).to_be_visible()

    carol.page.goto(link_in_mail(servers, email, "/accounts/password/reset/key/"))
    new = secrets.token_urlsafe(12)
    for field in carol.page.locator("input[type=password]").all():
        field.fill(new)
    carol.page.get_by_role("button", name="Save the password").click()
    expect(carol.page.get_by_role("heading", name="Your password is saved")).to_be_visible()

    carol.signs_in(email, new)
    carol.page.wait_for_url(f"{carol.home}/")
