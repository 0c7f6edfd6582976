"""From an invitation to a conversation, and out again; on a wide screen and on a phone."""

import secrets
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Open, Space, Watched, link_in_mail
from tests.e2e.people import PASSWORD

SCREENS = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.mark.parametrize("screen", SCREENS)
def test_somebody_invited_by_mail_accepts_and_talks_until_they_are_let_go(
    screen: str, opens: Open, space: Space, watched: Watched, servers: Any
) -> None:
    viewport = {"viewport": SCREENS[screen]}
    alice = opens(space.alice, **viewport)
    email, title = f"carol-{secrets.token_hex(4)}@works.example", f"Launch {secrets.token_hex(4)}"
    alice.goes_to("/")
    room = alice.opens_a_room(title)

    alice.goes_to("/members/")
    invite = alice.page.locator("#invite")
    invite.get_by_label("E-mail").fill(email)
    invite.get_by_label("Role").first.select_option("moderator")
    invite.get_by_label(title).first.check()
    invite.get_by_role("button", name="Send the invitation").click()
    expect(alice.page.get_by_text(f"on its way to {email}")).to_be_visible()
    expect(alice.page.get_by_role("button", name=f"Revoke {email}")).to_be_visible()

    carol = watched.open(space.home, **viewport)
    carol.page.goto(link_in_mail(servers, email, "/join/"))
    address = carol.page.get_by_label("E-mail")
    expect(address).to_have_value(email)
    expect(address).to_be_disabled()
    carol.page.get_by_label("Your name").fill("Carol")
    carol.page.get_by_label("Password").fill(PASSWORD)
    carol.page.get_by_role("button", name="Join").click()
    carol.page.wait_for_url(f"{space.home}/")
    expect(carol.page.get_by_text("not verified yet")).to_have_count(0)
    carol.enters(room)
    carol.says("Thank you for having me")
    alice.enters(room)
    alice.sees_in_all("Thank you for having me")

    alice.goes_to(f"/members/?text={email}")
    alice.page.get_by_role("link", name="Deactivate Carol").click()
    alice.page.get_by_role("button", name="Deactivate").click()
    expect(alice.page.get_by_text("The account is deactivated")).to_be_visible()
    carol.page.wait_for_url("**/accounts/login/**")


def test_members_are_managed_without_scripts(opens: Open, space: Space, watched: Watched) -> None:
    name = f"Dora {secrets.token_hex(4)}"
    scripted = opens(space.alice)
    scripted.goes_to("/")
    link = scripted.asks("POST", "invitations", {})["url"]
    dora = watched.open(space.home, java_script_enabled=False)
    dora.page.goto(link)
    dora.page.get_by_label("Your name").fill(name)
    dora.page.get_by_label("E-mail").fill(f"{secrets.token_hex(4)}@works.example")
    dora.page.get_by_label("Password").fill(PASSWORD)
    dora.page.get_by_role("button", name="Join").click()

    alice = opens(space.alice, java_script_enabled=False)
    alice.goes_to("/members/")
    alice.page.get_by_label("Search by name or e-mail").fill(name)
    alice.page.get_by_role("button", name="Search").click()
    alice.page.get_by_label(f"Role of {name}").select_option("guest")
    alice.page.get_by_role("button", name=f"Save {name}").click()
    expect(alice.page.get_by_text("The role is changed.")).to_be_visible()
    alice.goes_to(f"/members/?text={name}")
    expect(alice.page.get_by_label(f"Role of {name}")).to_have_value("guest")
    alice.page.get_by_role("link", name=f"Deactivate {name}").click()
    alice.page.get_by_role("button", name="Deactivate").click()
    alice.page.get_by_role("link", name="Show deactivated accounts").click()
    alice.page.get_by_role("button", name=f"Reactivate {name}").click()
    expect(alice.page.get_by_text("The account is active again.")).to_be_visible()


def test_a_role_is_saved_by_keyboard_once_another_is_chosen(opens: Open, space: Space) -> None:
    alice = opens(space.alice)
    alice.goes_to("/members/")
    role, save = alice.page.get_by_label("Role of Bob"), alice.page.get_by_role("button", name="Save Bob")
    expect(save).to_be_hidden()

    role.focus()
    alice.page.keyboard.press("ArrowUp")
    expect(role).to_have_value("moderator")
    alice.page.keyboard.press("Tab")
    expect(save).to_be_focused()
    alice.page.keyboard.press("Enter")

    expect(alice.page.get_by_text("The role is changed.")).to_be_visible()
    expect(alice.page.get_by_label("Role of Bob")).to_have_value("moderator")
    alice.page.get_by_label("Role of Bob").select_option("member")
    alice.page.get_by_role("button", name="Save Bob").click()
    expect(alice.page.get_by_label("Role of Bob")).to_have_value("member")


def test_one_finds_ones_space_from_the_public_page(opens: Open, server: Any) -> None:
    stranger = opens(server.url)
    stranger.goes_to("/")
    stranger.page.get_by_role("link", name="Find your space").click()
    stranger.page.get_by_label("Your e-mail").fill(f"{secrets.token_hex(4)}@nowhere.example")
    stranger.page.get_by_role("button", name="Send me the list").click()
    expect(stranger.page.get_by_role("heading", name="Look into your mail")).to_be_visible()
