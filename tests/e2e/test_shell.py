"""Around the conversation: the list of rooms, who is online, rooms made and looked after, and all of it by keyboard."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tenants.people.models import Role
from tests.e2e.conftest import Open, Watched, aside
from tests.e2e.people import Account, Person

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
WIDE = {"viewport": {"width": 1280, "height": 800}}
SCREENS = pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])


@dataclass(frozen=True)
class Company:
    alice: Account  # its owner
    bob: Account
    carol: Account
    gil: Account  # a guest


@pytest.fixture(scope="module")
def company(browser: Browser, server: Any) -> Iterator[Company]:
    slug = aside(make_company)
    home = f"http://{server.host(slug)}"
    watched = Watched(browser)
    yield Company(*(sign_in(watched, home, name, slug) for name in ("Alice", "Bob", "Carol", "Gil")))
    watched.close()


def make_company() -> str:
    from tests.cast import found

    org = found("company", owner="Alice")
    for name, role in (("Bob", Role.MEMBER), ("Carol", Role.MEMBER), ("Gil", Role.GUEST)):
        org.add(name, role)
    return org.space.slug


def sign_in(watched: Watched, home: str, name: str, slug: str) -> Account:
    person = watched.open(home)
    email = f"{name.lower()}@{slug}.example"
    person.signs_in(email)
    person.page.wait_for_url(f"{home}/")
    account = Account(name, email, home, person.context.storage_state())
    person.context.close()  # or they would be online all the time
    return account


@SCREENS
def test_a_private_room_appears_to_whoever_is_brought_in_and_to_nobody_else(
    opens: Open, company: Company, screen: dict[str, Any]
) -> None:
    alice, bob, carol = opens(company.alice, **screen), opens(company.bob, **screen), opens(company.carol)
    bob.enters("general")
    alice.goes_to("/rooms/")
    alice.is_online()
    alice.page.get_by_label("Title", exact=True).fill("Surprise party")
    alice.page.get_by_label(re.compile("^Topic")).fill("Hush")
    alice.page.get_by_role("radio", name=re.compile("^Private")).check()
    alice.page.get_by_role("button", name="Open the room").click()
    expect(alice.page.get_by_role("heading", name="Surprise party")).to_be_visible()
    room = alice.page.url.rstrip("/").rsplit("/", 1)[1]

    alice.page.get_by_role("link", name="About this room").click()
    alice.page.get_by_role("checkbox", name="Bob").check()
    alice.page.get_by_role("button", name="Bring them in").click()
    expect(alice.page.get_by_text("They are in the room now.")).to_be_visible()

    expect(link(bob, room)).to_contain_text("Surprise party")
    expect(link(bob, room).locator("xpath=ancestor::section")).to_have_attribute("data-section", "private")
    alice.goes_to(f"/chat/{room}/")
    alice.is_online()
    alice.says("Friday at six")
    expect(link(bob, room).locator("[data-unread]")).to_contain_text("1")

    carol.enters("general")
    expect(carol.page.locator("[data-room]").first).to_be_attached()
    expect(link(carol, room)).to_have_count(0)
    for path in (f"/chat/{room}/", f"/rooms/{room}/"):
        answer = carol.page.goto(f"{company.carol.home}{path}")
        assert answer is not None
        assert answer.status == 404
    carol.goes_to("/rooms/?text=party")
    expect(carol.page.get_by_text("No room is called that")).to_be_visible()


def test_what_is_unread_shows_on_two_devices_and_goes_on_both_when_read_on_one(opens: Open, company: Company) -> None:
    alice, wide, phone = opens(company.alice), opens(company.bob, **WIDE), opens(company.bob, **PHONE)
    room = room_of(alice, "Harbour", wide)
    has_read_everything(wide)
    wide.enters("general")
    phone.goes_to("/members/")
    phone.is_online()
    alice.enters(room)
    alice.says("Ships ahoy")
    expect(link(wide, room).locator("[data-unread]")).to_have_text("1 unread")
    expect(link(wide, room).locator("[data-mentions]")).to_be_hidden()

    alice.asks("POST", f"rooms/{room}/messages", {"message": f"<@{id_of(wide)}> look!"})
    expect(link(wide, room).locator("[data-unread]")).to_have_text("2 unread")
    expect(link(wide, room).locator("[data-mentions]")).to_have_text("1 mention you")
    expect(phone.page.locator(".bar [data-all-mentions]")).to_contain_text("1")
    expect(wide.page).to_have_title(re.compile(r"^\(2\) General"))

    phone.enters(room)
    phone.page.keyboard.press("Escape")
    expect(link(wide, room).locator("[data-unread]")).to_be_hidden()
    expect(link(wide, room).locator("[data-mentions]")).to_be_hidden()
    expect(wide.page).to_have_title(re.compile("^General"))
    wide.page.reload()
    expect(link(wide, room)).to_be_visible()
    expect(link(wide, room).locator("[data-unread]")).to_be_hidden()


def test_a_mention_that_is_taken_back_is_counted_no_more(opens: Open, company: Company) -> None:
    alice, bob = opens(company.alice), opens(company.bob)
    room = room_of(alice, "Regrets", bob)
    bob.enters("general")
    said = alice.asks("POST", f"rooms/{room}/messages", {"message": f"<@{id_of(bob)}> you did it!"})
    expect(link(bob, room).locator("[data-mentions]")).to_have_text("1 mention you")

    alice.asks("PATCH", f"rooms/{room}/messages/{said['seq']}", {"message": "Somebody did it."})
    expect(link(bob, room).locator("[data-mentions]")).to_be_hidden()
    expect(link(bob, room).locator("[data-unread]")).to_have_text("1 unread")
    alice.asks("DELETE", f"rooms/{room}/messages/{said['seq']}")
    expect(link(bob, room).locator("[data-unread]")).to_be_hidden()


def test_what_was_said_while_the_line_was_away_is_counted_once(opens: Open, company: Company) -> None:
    alice, bob = opens(company.alice), opens(company.bob)
    room = room_of(alice, "Tunnel", bob)
    bob.enters("general")
    alice.asks("POST", f"rooms/{room}/messages", {"message": "before"})
    expect(link(bob, room).locator("[data-unread]")).to_have_text("1 unread")
    bob.goes_offline()
    alice.asks("POST", f"rooms/{room}/messages", {"message": "during"})
    bob.comes_back()
    alice.asks("POST", f"rooms/{room}/messages", {"message": "after"})
    expect(link(bob, room).locator("[data-unread]")).to_have_text("3 unread")


@SCREENS
def test_whoever_is_put_out_while_looking_is_told_so(opens: Open, company: Company, screen: dict[str, Any]) -> None:
    alice, bob = opens(company.alice), opens(company.bob, **screen)
    room = room_of(alice, "Inner circle", bob, private=True)
    bob.enters(room)
    alice.goes_to(f"/rooms/{room}/")
    alice.page.get_by_role("button", name="Remove Bob").click()
    alice.page.get_by_role("button", name="Remove from the room").click()
    expect(alice.page.get_by_text("Bob is no longer in this room.")).to_be_visible()

    expect(bob.page.get_by_text("You are no longer in “Inner circle”.")).to_be_visible()
    expect(link(bob, room)).to_have_count(0)
    expect(bob.page.get_by_role("heading", name="Rooms", exact=True, level=1)).to_be_visible()


def test_a_room_is_renamed_closed_and_opened_again_before_everybodys_eyes(opens: Open, company: Company) -> None:
    alice, bob = opens(company.alice), opens(company.bob)
    room = room_of(alice, "Kitchen", bob)
    bob.enters(room)
    alice.goes_to(f"/rooms/{room}/")
    alice.page.get_by_label("Title", exact=True).fill("Canteen")
    alice.page.get_by_label(re.compile("^Topic")).fill("Soup on Mondays")
    alice.page.get_by_role("button", name="Save").click()
    expect(alice.page.get_by_text("Saved.")).to_be_visible()
    expect(bob.page.get_by_role("heading", name="Canteen")).to_be_visible()
    expect(bob.page.get_by_text("Soup on Mondays")).to_be_visible()
    expect(link(bob, room)).to_contain_text("Canteen")
    expect(bob.page).to_have_title(re.compile("Canteen"))

    alice.page.get_by_role("button", name="Archive", exact=True).click()
    alice.page.get_by_role("button", name="Archive the room").click()
    expect(link(bob, room).locator("xpath=ancestor::section")).to_have_attribute("data-section", "archived")
    alice.page.get_by_role("button", name="Open it again").click()
    expect(link(bob, room).locator("xpath=ancestor::section")).to_have_attribute("data-section", "public")


def test_a_no_is_told_where_it_was_asked_and_nothing_that_was_typed_is_lost(opens: Open, company: Company) -> None:
    alice = opens(company.alice)
    alice.goes_to("/rooms/")
    alice.page.get_by_label("Title", exact=True).fill("   ")
    alice.page.get_by_role("button", name="Open the room").click()
    expect(alice.page.locator("#new-room [role=alert]")).not_to_be_empty()

    alice.page.get_by_label("Title", exact=True).fill("Lake")
    alice.goes_offline()
    alice.page.get_by_role("button", name="Open the room").click()
    expect(alice.page.get_by_text("Nothing was changed; try again.")).to_be_visible()
    expect(alice.page.get_by_label("Title", exact=True)).to_have_value("Lake")
    alice.comes_back()
    alice.page.get_by_role("button", name="Open the room").click()
    expect(alice.page.get_by_role("heading", name="Lake")).to_be_visible()


def test_somebody_is_written_to_and_finds_the_conversation_under_the_others_name(opens: Open, company: Company) -> None:
    alice, bob = opens(company.alice), opens(company.bob)
    bob.enters("general")
    alice.goes_to("/messages/")
    alice.page.get_by_label("Search by name").fill("bo")
    alice.page.get_by_role("checkbox", name="Bob").check()
    alice.page.get_by_role("button", name="Start writing").click()
    expect(alice.page.get_by_role("heading", name="Bob")).to_be_visible()
    expect(alice.page.locator("[data-beginning]")).to_have_text("This is where your conversation with Bob begins.")
    alice.is_online()
    alice.says("Just between us")

    conversation = bob.page.locator("[data-section=conversations] .room-link").filter(has_text="Alice")
    expect(conversation.locator("[data-mentions]")).to_contain_text("1")
    conversation.click()
    bob.sees_in_all("Just between us")


def test_ones_own_face_has_the_same_colour_in_the_bar_as_beside_a_message(opens: Open, company: Company) -> None:
    alice, bob = opens(company.alice), opens(company.bob)
    room = room_of(alice, "Faces", bob)
    faces = set()
    for person in (alice, bob):
        person.enters(room)
        person.says("Here I am")
        in_bar = person.page.locator("[popovertarget=account-menu] .avatar")
        colour = in_bar.evaluate("face => getComputedStyle(face).backgroundColor")
        expect(person.page.locator(".message .avatar").last).to_have_css("background-color", colour)
        faces.add(colour)
    assert len(faces) == 2


def test_who_is_online_shows_beside_their_name_and_in_the_bar(opens: Open, company: Company) -> None:
    alice, bob = opens(company.alice), opens(company.bob)
    room = alice_and_bob(alice, company)
    bob.goes_to("/")
    bob.is_online()
    alice.enters("general")
    dot = link(alice, room).locator(".presence")
    expect(dot).to_have_class(re.compile("online"))
    expect(dot).to_have_text("online")
    expect(alice.page.locator("[data-online]")).to_have_text(re.compile(r"[2-9] online"))

    bob.context.close()
    expect(dot).not_to_have_class(re.compile("online"))


def test_any_room_or_person_is_a_few_keys_away(opens: Open, company: Company) -> None:
    alice = opens(company.alice)
    room = room_of(alice, "Zebra crossing")
    alice.enters("general")
    keys = alice.page.keyboard
    alice.composer.focus()
    keys.press("Control+k")
    expect(alice.page.get_by_role("combobox")).to_be_focused()
    keys.type("zeb")
    expect(alice.page.get_by_role("option").first).to_contain_text("Zebra crossing")
    keys.press("Enter")
    alice.page.wait_for_url(f"**/chat/{room}/")

    alice.is_online()
    keys.press("Control+k")
    keys.type("car")
    carol = alice.page.get_by_role("option").filter(has_text="Carol")
    expect(carol).to_have_count(1)
    while carol.get_attribute("aria-selected") != "true":
        keys.press("ArrowDown")
    keys.press("Enter")
    expect(alice.page.get_by_role("heading", name="Carol")).to_be_visible()

    alice.is_online()
    keys.press("Control+k")
    keys.type("nothing like this")
    expect(alice.page.get_by_text("There is nothing by that name.")).to_be_visible()
    keys.press("Escape")
    expect(alice.page.get_by_role("dialog")).to_have_count(0)


def test_keys_lead_from_room_to_room_and_are_not_taken_from_fields(opens: Open, company: Company) -> None:
    carol, alice = opens(company.carol), opens(company.alice)
    first, second = room_of(alice, "000 first", carol), room_of(alice, "001 second", carol)
    alice.asks("POST", f"rooms/{second}/messages", {"message": "News"})
    carol.enters(first)
    keys = carol.page.keyboard
    carol.composer.focus()
    keys.type("Is this it? / ")
    expect(carol.composer).to_have_value("Is this it? / ")
    expect(carol.page.get_by_role("dialog")).to_have_count(0)
    carol.composer.fill("")
    carol.composer.blur()

    keys.press("?")
    expect(carol.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    keys.press("Escape")
    keys.press("/")
    expect(carol.composer).to_be_focused()
    keys.press("Alt+ArrowDown")
    carol.page.wait_for_url(f"**/chat/{second}/")
    carol.is_online()
    keys.press("Alt+ArrowUp")
    carol.page.wait_for_url(f"**/chat/{first}/")
    carol.is_online()

    keys.press("?")
    carol.page.get_by_label("Shortcuts of a single key").uncheck()
    keys.press("Escape")
    keys.press("/")
    expect(carol.composer).not_to_be_focused()


def test_keys_lead_to_what_is_unread(opens: Open, company: Company) -> None:
    carol, alice = opens(company.carol), opens(company.alice)
    for title in ("100 quiet", "101 quiet"):
        room_of(alice, title, carol)
    room = room_of(alice, "102 loud", carol)
    has_read_everything(carol)
    carol.enters("general")
    alice.asks("POST", f"rooms/{room}/messages", {"message": "Over here"})
    expect(link(carol, room).locator("[data-unread]")).to_have_text("1 unread")
    carol.page.keyboard.press("Alt+Shift+ArrowDown")
    carol.page.wait_for_url(f"**/chat/{room}/")


def test_on_a_phone_the_rooms_are_a_drawer_that_keeps_the_focus(opens: Open, company: Company) -> None:
    alice = opens(company.alice, **PHONE)
    room = room_of(alice, "Attic")
    alice.enters("general")
    keys = alice.page.keyboard
    button = alice.page.get_by_role("button", name="Rooms", exact=True)
    expect(link(alice, room)).to_be_hidden()

    button.focus()
    keys.press("Enter")
    expect(link(alice, "general")).to_be_focused()
    for _ in range(alice.page.locator("[data-rooms] a:visible").count() + 3):
        keys.press("Tab")
        outside = alice.page.evaluate(
            "document.activeElement !== document.body && !document.activeElement.closest('[data-rooms]')"
        )
        assert not outside
    keys.press("Escape")
    expect(link(alice, room)).to_be_hidden()
    expect(button).to_be_focused()

    keys.press("Enter")
    expect(link(alice, "general")).to_be_focused()
    link(alice, room).focus()
    keys.press("Enter")
    alice.page.wait_for_url(f"**/chat/{room}/")
    expect(link(alice, room)).to_be_hidden()


@SCREENS
def test_a_lost_line_is_told_on_every_page_about_rooms(opens: Open, company: Company, screen: dict[str, Any]) -> None:
    alice = opens(company.alice, **screen)
    for path in ("/chat/general/", "/rooms/", "/rooms/general/", "/messages/"):
        alice.goes_to(path)
        alice.is_online()
        alice.goes_offline()
        alice.comes_back()
        expect(alice.page.get_by_text("No connection.")).to_be_hidden()


def test_a_guest_is_offered_nothing_that_would_be_refused(opens: Open, company: Company) -> None:
    alice, gil = opens(company.alice), opens(company.gil)
    gil.goes_to("/chat/")
    expect(gil.page.get_by_text("Somebody here has to bring you in.")).to_be_visible()
    expect(gil.page.get_by_role("button", name="Open the room")).to_have_count(0)
    gil.goes_to("/messages/")
    expect(gil.page.get_by_role("heading", name="Write to somebody")).to_have_count(0)

    room = room_of(alice, "For guests too")
    alice.asks("POST", f"rooms/{room}/members", {"people": [id_of(gil)]})
    gil.enters(room)
    gil.page.get_by_role("link", name="About this room").click()
    expect(gil.page.get_by_text("Alice")).to_be_visible()
    for offer in ("Bring them in", "Save", "Archive", "Remove Alice"):
        expect(gil.page.get_by_role("button", name=offer)).to_have_count(0)


def test_the_menu_offers_what_one_may(opens: Open, company: Company) -> None:
    for account, offered in ((company.alice, 1), (company.bob, 0)):
        person = opens(account)
        person.goes_to("/")
        person.page.get_by_role("button", name="Account menu").click()
        menu = person.page.locator("#account-menu")
        expect(menu.get_by_role("link", name="Profile")).to_be_visible()
        expect(menu.get_by_role("link", name="Settings of the space")).to_have_count(offered)
        expect(menu.get_by_role("link", name="Audit log")).to_have_count(offered)
        for path in [each.get_attribute("href") for each in menu.get_by_role("link").all()]:
            answer = person.page.goto(f"{account.home}{path}")
            assert answer is not None
            assert answer.ok, path


def room_of(host: Person, title: str, *others: Person, private: bool = False) -> str:
    """A room of the host's, with the others in it."""
    host.goes_to("/")
    room: str = host.asks("POST", "rooms", {"title": title, "kind": "private" if private else "public"})["room"]
    for other in others:
        other.goes_to("/")
    if others:
        host.asks("POST", f"rooms/{room}/members", {"people": [id_of(other) for other in others]})
    return room


def has_read_everything(person: Person) -> None:
    for each in person.asks("GET", "rooms")["rooms"]:
        if each["joined"]:
            person.asks("PUT", f"rooms/{each['room']}/read", {"seq": each["seq"]})


def alice_and_bob(alice: Person, company: Company) -> str:
    alice.goes_to("/")
    (bob,) = alice.asks("GET", f"members?text={company.bob.name}")["members"]
    room: str = alice.asks("POST", "conversations", {"people": [bob["user_id"]]})["room"]
    return room


def id_of(person: Person) -> int:
    if person.page.url == "about:blank":
        person.goes_to("/")
    return int(person.page.locator("body").get_attribute("data-user-id") or 0)


def link(person: Person, room: str) -> Locator:
    return person.page.locator(f".room-link[data-room='{room}']")
