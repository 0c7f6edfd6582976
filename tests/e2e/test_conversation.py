"""What becomes of what was said: changed, answered, found again; seen by all, also by those who were away."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import PATIENCE, Open, Space, aside, make_space
from tests.e2e.people import Person
from tests.e2e.test_accessibility import grave
from tests.e2e.test_talking import in_a_room, say_by_rest

WIDE = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
screens = pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])


@screens
def test_an_edit_a_reaction_and_a_deletion_are_seen_live(opens: Open, space: Space, screen: dict[str, Any]) -> None:
    alice, bob, _ = in_a_room(opens, space, **screen)
    alice.says("Hello Bbo")
    alice.says("Never mind")
    bob.sees("Hello Bbo", "Never mind")

    edits(alice, 1, "Hello **Bob**")
    expect(bob.page.locator(".message-text strong")).to_have_text("Bob")
    expect(message(bob, 1).get_by_text("Edited")).to_be_visible()
    bob.sees_in_all("Hello Bob", "Never mind")

    reacts(bob, 1, "🎉")
    expect(alice.page.get_by_role("button", name="🎉 1: Bob")).to_be_visible()
    alice.page.get_by_role("button", name="🎉 1: Bob").click()
    expect(bob.page.get_by_role("button", name="🎉 2: Alice and you")).to_have_attribute("aria-pressed", "true")
    bob.page.get_by_role("button", name="🎉 2: Alice and you").click()
    expect(alice.page.get_by_role("button", name="🎉 1: you")).to_be_visible()

    deletes(alice, 2)
    expect(message(bob, 2)).to_contain_text("This message was deleted.")
    expect(message(bob, 2)).not_to_contain_text("Never mind")

    for person in (alice, bob):
        before = drawn(person)
        person.page.reload()
        person.is_online()
        assert drawn(person) == before, "the server draws it as the browser does"


@screens
def test_who_was_offline_finds_what_was_changed_meanwhile(opens: Open, space: Space, screen: dict[str, Any]) -> None:
    alice, bob, _ = in_a_room(opens, space, **screen)
    for words in ("one", "two", "three"):
        alice.says(words)
    bob.sees("one", "two", "three")

    bob.goes_offline()
    edits(alice, 1, "first")
    deletes(alice, 2)
    reacts(alice, 3, "👍")
    assert bob.messages.all_inner_texts() == ["one", "two", "three"]

    bob.comes_back()
    expect(message(bob, 1).locator(".message-text")).to_have_text("first")
    expect(message(bob, 2)).to_contain_text("This message was deleted.")
    expect(bob.page.get_by_role("button", name="👍 1: Alice")).to_be_visible()
    assert bob.messages.count() == 3


def test_an_edit_without_a_line_loses_no_word(opens: Open, space: Space) -> None:
    alice, bob, room = in_a_room(opens, space)
    alice.says("half")
    bob.sees("half")
    alice.goes_offline()
    alice.composer.press("ArrowUp")
    field = alice.page.get_by_label("Edit the message")
    field.fill("half a thought")
    field.press("Enter")
    expect(message(alice, 1).get_by_role("alert")).to_contain_text("No connection.")
    expect(field).to_have_value("half a thought")

    alice.page.close()
    alice.context.set_offline(False)
    alice.page = alice.context.new_page()
    alice.enters(room)
    expect(field_of(alice)).to_have_value("half a thought")
    field_of(alice).press("Enter")
    bob.sees_in_all("half a thought")


def test_a_refused_edit_says_why_and_escape_gives_it_up(opens: Open, space: Space) -> None:
    alice, _bob, _ = in_a_room(opens, space)
    alice.says("Hello")
    alice.sees("Hello")
    alice.composer.press("ArrowUp")
    field_of(alice).fill(" ")
    field_of(alice).press("Enter")
    expect(message(alice, 1).get_by_role("alert")).to_have_text("There is nothing in the message.")
    field_of(alice).press("Escape")
    expect(field_of(alice)).to_have_count(0)
    expect(message(alice, 1)).to_be_focused()
    alice.sees_in_all("Hello")


def test_nobody_is_offered_to_change_what_others_have_said(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    alice.says("Mine")
    bob.sees("Mine")
    message(bob, 1).hover()
    tools = bob.page.get_by_role("group", name="This message")
    expect(tools.get_by_role("button", name="React")).to_be_visible()
    expect(tools.get_by_role("button", name="Edit")).to_be_hidden()
    expect(tools.get_by_role("button", name="Delete")).to_be_hidden()
    message(alice, 1).hover()
    expect(alice.page.get_by_role("button", name="Delete")).to_be_visible()


def test_a_reaction_by_keyboard_alone(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    alice.says("one")
    alice.says("two")
    bob.sees("one", "two")
    keys = bob.page.keyboard
    bob.composer.focus()
    keys.press("Shift+Tab")
    while not bob.page.evaluate("document.activeElement.matches('.message')"):
        keys.press("Shift+Tab")
    expect(message(bob, 2)).to_be_focused()
    keys.press("ArrowUp")
    expect(message(bob, 1)).to_be_focused()
    keys.press("r")
    keys.press("ArrowRight")
    keys.press("Enter")
    expect(alice.page.get_by_role("button", name="❤️ 1: Bob")).to_be_visible()
    expect(message(bob, 1)).to_be_focused()

    keys.press("r")
    bob.page.get_by_label("Another emoji").fill("🦊")
    keys.press("Enter")
    expect(alice.page.get_by_role("button", name="🦊 1: Bob")).to_be_visible()
    keys.press("r")
    bob.page.get_by_label("Another emoji").fill("fox")
    keys.press("Enter")
    expect(bob.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("must be an emoji")
    keys.press("Escape")
    expect(message(bob, 1)).to_be_focused()
    keys.press("Escape")
    expect(bob.composer).to_be_focused()


@screens
def test_who_is_mentioned_sees_it_from_afar(opens: Open, space: Space, screen: dict[str, Any]) -> None:
    alice, bob, room = in_a_room(opens, space, **screen)
    alice.composer.press_sequentially("Ask @bo")
    option = alice.page.get_by_role("option", name="Bob")
    expect(option).to_have_attribute("aria-selected", "true")
    alice.composer.press("Enter")
    expect(alice.composer).to_have_value("Ask @Bob ")
    alice.composer.press_sequentially("about `@Bob`")
    alice.composer.press("Enter")

    bob.sees_in_all("Ask @Bob about @Bob")
    expect(bob.page.locator(".mentions-me .mention-me")).to_have_text("@Bob")
    alice.sees_in_all("Ask @Bob about @Bob")
    expect(alice.page.locator(".mention")).to_have_text("@Bob")
    expect(alice.page.locator(".mentions-me")).to_have_count(0)

    alice.composer.press("ArrowUp")
    expect(field_of(alice)).to_have_value("Ask @Bob about `@Bob`")
    field_of(alice).fill("Tell @Bob!")
    field_of(alice).press("Enter")
    expect(bob.messages).to_have_text(["Tell @Bob!"])
    expect(bob.page.locator(".mention-me")).to_have_text("@Bob")
    assert alice.asks("GET", f"rooms/{room}/messages")["messages"][0]["message"] == f"Tell <@{id_of(bob)}>!"


def test_escape_closes_what_is_offered_and_the_words_stay(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    alice.composer.press_sequentially("@b")
    expect(alice.page.get_by_role("listbox")).to_be_visible()
    alice.composer.press("Escape")
    expect(alice.page.get_by_role("listbox")).to_be_hidden()
    alice.composer.press("Enter")
    bob.sees_in_all("@b")


def test_what_is_new_begins_below_a_line_on_one_device_and_is_read_on_the_other(opens: Open, space: Space) -> None:
    alice, laptop, room = in_a_room(opens, space)
    alice.says("old")
    laptop.sees("old")
    has_read(laptop, room, 1)
    laptop.enters("general")
    alice.says("new")
    alice.says("newer")
    alice.sees("old", "new", "newer")

    laptop.enters(room)
    expect(divider(laptop)).to_have_count(1)
    expect(message(laptop, 2).locator(".message-new")).to_be_visible()
    has_read(laptop, room, 3)
    expect(divider(laptop)).to_have_count(1)

    phone = opens(space.bob, **PHONE)
    phone.enters(room)
    phone.sees_in_all("old", "new", "newer")
    expect(divider(phone)).to_have_count(0)
    laptop.enters(room)
    expect(divider(laptop)).to_have_count(0)


def test_what_comes_while_one_looks_away_is_new_until_it_is_read_elsewhere(opens: Open, space: Space) -> None:
    alice, laptop, room = in_a_room(opens, space)
    alice.says("old")
    laptop.sees("old")
    has_read(laptop, room, 1)
    looks_away(laptop)
    alice.says("new")
    expect(message(laptop, 2).locator(".message-new")).to_be_visible()

    phone = opens(space.bob, **PHONE)
    phone.enters(room)
    has_read(phone, room, 2)
    expect(divider(laptop)).to_have_count(0)


@screens
def test_a_permalink_shows_the_message_and_what_is_around_it(opens: Open, space: Space, screen: dict[str, Any]) -> None:
    alice, bob, room = in_a_room(opens, space, **screen)
    space.has_heard(room, (f"line {number}" for number in range(1, 131)))
    bob.goes_to(f"/chat/{room}/20/")
    bob.is_online()
    target = message(bob, 20)
    expect(target).to_be_focused()
    expect(target).to_be_in_viewport()
    assert message(bob, 130).count() == 0

    alice.says("line 131")
    message(bob, 50).scroll_into_view_if_needed()
    expect(message(bob, 100)).to_have_count(1)
    assert message(bob, 131).count() == 0, "what is told of the present waits until the reader comes to it"
    bob.page.get_by_role("button", name="New messages").click()
    bob.sees(*(f"line {number}" for number in range(100, 132)))
    expect(message(bob, 131)).to_be_in_viewport()
    alice.says("line 132")
    bob.sees("line 131", "line 132")

    bob.goes_to(f"/chat/{room}/100/")
    bob.is_online()
    message(bob, 70).scroll_into_view_if_needed()
    expect(message(bob, 50)).to_have_count(1)
    message(bob, 130).scroll_into_view_if_needed()
    expect(message(bob, 132)).to_have_count(1)
    alice.says("line 133")
    bob.sees(*(f"line {number}" for number in range(50, 134)))


def test_a_link_is_copied_and_leads_to_the_message(opens: Open, space: Space) -> None:
    alice, bob, room = in_a_room(opens, space)
    alice.says("Look here")
    bob.sees("Look here")
    bob.context.grant_permissions(["clipboard-read", "clipboard-write"])
    message(bob, 1).hover()
    bob.page.get_by_role("button", name="Copy link").click()
    expect(bob.page.get_by_text("The link is copied.")).to_be_visible()
    link = bob.page.evaluate("navigator.clipboard.readText()")
    assert link == f"{space.home}/chat/{room}/1/"


def test_a_permalink_into_what_one_may_not_see_leads_nowhere(opens: Open, space: Space, server: Any) -> None:
    alice, bob = opens(space.alice), opens(space.bob)
    alice.goes_to("/")
    room = alice.asks("POST", "rooms", {"title": "Between us", "kind": "private"})["room"]
    say_by_rest(alice, room, "secret")
    alice.enters(f"{room}/1")
    expect(message(alice, 1)).to_be_focused()

    slug = aside(make_space).space.slug
    mallory = opens(f"http://{server.host(slug)}")
    mallory.signs_in(f"alice@{slug}.example")
    mallory.page.wait_for_url(f"{mallory.home}/")
    for person, path in ((bob, f"{room}/1"), (mallory, f"{room}/1"), (alice, f"{room}/2"), (alice, "nowhere/1")):
        answer = person.page.goto(f"{person.home}/chat/{path}/")
        assert answer is not None
        assert answer.status == 404
        expect(person.page.get_by_text("secret")).to_have_count(0)


def test_an_archived_room_says_so_at_once_and_takes_nothing_more(opens: Open, space: Space) -> None:
    alice, bob, room = in_a_room(opens, space)
    alice.says("Last words")
    bob.sees("Last words")
    alice.asks("POST", f"rooms/{room}/archive")
    for person in (alice, bob):
        expect(person.page.get_by_text("This room is archived.")).to_be_visible()
        expect(person.composer).to_be_hidden()
    message(alice, 1).hover()
    expect(alice.page.get_by_role("button", name="Copy link")).to_be_visible()
    expect(alice.page.get_by_role("button", name="React")).to_be_hidden()

    alice.asks("POST", f"rooms/{room}/restore")
    expect(bob.composer).to_be_visible()
    alice.asks("PATCH", f"rooms/{room}", {"announcements": True})
    expect(bob.page.get_by_text("This room is for announcements")).to_be_visible()
    expect(alice.composer).to_be_visible()
    reacts(bob, 1, "👍")
    expect(alice.page.get_by_role("button", name="👍 1: Bob")).to_be_visible()
    bob.page.reload()
    expect(bob.page.get_by_text("This room is for announcements")).to_be_visible()


@screens
def test_the_tools_stand_in_nobodys_way(opens: Open, space: Space, screen: dict[str, Any]) -> None:
    alice, bob, _ = in_a_room(opens, space, **screen)
    alice.says("One **two**")
    bob.sees("One two")
    reacts(bob, 1, "👍")
    uses(alice, 1, "React")
    assert grave(Axe().run(alice.page).response["violations"]) == []
    alice.page.keyboard.press("Escape")
    expect(message(alice, 1)).to_be_focused()
    alice.page.keyboard.press("Delete")
    assert grave(Axe().run(alice.page).response["violations"]) == []
    alice.page.keyboard.press("Escape")
    expect(message(alice, 1)).to_be_focused()
    alice.page.keyboard.press("e")
    field_of(alice).press_sequentially(" @b")
    expect(alice.page.get_by_role("listbox")).to_be_visible()
    assert grave(Axe().run(alice.page).response["violations"]) == []


def message(person: Person, number: int) -> Locator:
    return person.page.locator(f".message[data-seq='{number}']")


def divider(person: Person) -> Locator:
    return person.page.locator(".message-new")


def field_of(person: Person) -> Locator:
    return person.page.get_by_label("Edit the message")


def uses(person: Person, number: int, tool: str) -> None:
    """Takes a tool as this screen offers it: by pointing at the message, or by its button."""
    more = message(person, number).get_by_role("button", name="What to do with this message")
    if person.page.evaluate("matchMedia('(hover: none)').matches"):
        more.tap()
    else:
        message(person, number).hover()
    message(person, number).get_by_role("button", name=tool).click()


def edits(person: Person, number: int, words: str) -> None:
    uses(person, number, "Edit")
    field_of(person).fill(words)
    person.page.get_by_role("button", name="Save").click()
    expect(field_of(person)).to_have_count(0)


def reacts(person: Person, number: int, emoji: str) -> None:
    uses(person, number, "React")
    person.page.get_by_role("dialog").get_by_role("button", name=emoji).click()
    expect(person.page.get_by_role("dialog")).to_be_hidden()


def deletes(person: Person, number: int) -> None:
    uses(person, number, "Delete")
    person.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(message(person, number)).to_contain_text("This message was deleted.")


def drawn(person: Person) -> list[str]:
    """What is on the page of each message, but for what only one way of drawing has."""
    shown: list[str] = person.page.locator(".message").evaluate_all(
        "all => all.map((one) => `${one.className}|${one.innerText}|${one.querySelector('.message-text').innerHTML}`)"
    )
    return [re.sub(r"\s+", " ", each) for each in shown]


def id_of(person: Person) -> str:
    return str(person.page.evaluate("document.body.dataset.userId"))


def has_read(person: Person, room: str, seq: int) -> None:
    """Waits until the server knows it."""
    for _ in range(PATIENCE // 100):
        if person.asks("GET", f"rooms/{room}")["read"] >= seq:
            return
        person.page.wait_for_timeout(100)
    raise AssertionError(f"the server was not told that {room} is read up to {seq}")


def looks_away(person: Person) -> None:
    """To the page it is as if another window were in front."""
    person.page.evaluate("document.hasFocus = () => false")
