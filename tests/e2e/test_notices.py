"""What an admin tells people is seen by those whom it is for, on whatever page, until they have had enough of it; and
the admin sees who has heard."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import Open, Space
from tests.e2e.people import Person
from tests.e2e.test_every_page import tab_to


def words() -> str:
    return f"The lift is broken {secrets.token_hex(4)}"


def tells(alice: Person, text: str, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = alice.asks("POST", "notices", {"message": text, **more})
    return told


def strip(person: Person, text: str) -> Locator:
    return person.page.locator(".notices .notice").filter(has_text=text)


def urgent(person: Person) -> Locator:
    return person.page.get_by_role("alertdialog")


def test_a_notice_reaches_open_pages_and_those_who_come_later(opens: Open, space: Space) -> None:
    text = words()
    alice, bob, late = opens(space.alice), opens(space.bob), opens(space.bob)
    bob.goes_to("/messages/")
    bob.is_online()
    alice.goes_to("/")
    alice.page.get_by_label("Tell everybody").fill(text)
    alice.page.get_by_role("button", name="Publish").click()
    expect(alice.page.get_by_text("Published.")).to_be_visible()

    expect(bob.page.get_by_role("status", name="Notices").get_by_text(text)).to_be_visible()
    late.enters("general")
    expect(strip(late, text)).to_be_visible()
    strip(late, text).get_by_role("button", name="Dismiss").click()
    late.page.reload()
    late.is_online()
    expect(strip(late, text)).to_have_count(0)
    late.goes_to("/")
    expect(late.page.locator("[data-notice-list]").get_by_text(text)).to_be_visible()


def test_members_are_offered_no_form_to_publish(opens: Open, space: Space) -> None:
    alice, bob = opens(space.alice), opens(space.bob)
    alice.goes_to("/")
    bob.goes_to("/")
    expect(alice.page.get_by_label("Tell everybody")).to_be_visible()
    expect(bob.page.get_by_role("heading", name="Notices")).to_be_visible()
    expect(bob.page.get_by_label("Tell everybody")).to_have_count(0)
    for path in ("/notices/manage/", "/notices/new/"):
        bob.goes_to(path)
        expect(bob.page.get_by_text("Your role does not allow this")).to_be_visible()


@pytest.fixture
def nothing_urgent_is_left(opens: Open, space: Space) -> Iterator[None]:
    """It would lie over the pages of the tests that follow."""
    yield
    alice = opens(space.alice)
    alice.goes_to("/")
    for notice in alice.asks("GET", "notices")["notices"]:
        if notice["level"] == "urgent":
            alice.asks("POST", f"notices/{notice['id']}/withdraw")


@pytest.mark.usefixtures("nothing_urgent_is_left")
def test_an_urgent_notice_covers_the_page_until_it_is_acknowledged_by_keyboard(opens: Open, space: Space) -> None:
    text = words()
    alice, bob, other = opens(space.alice), opens(space.bob), opens(space.bob)
    for person in (bob, other):
        person.goes_to("/rooms/")
        person.is_online()
    alice.goes_to("/notices/new/")
    alice.page.get_by_label("Title").fill("Leave the building")
    alice.page.get_by_label("What you have to say").fill(f"**{text}**")
    alice.page.get_by_label("Level").select_option("urgent")
    expect(alice.page.locator("[data-preview] strong")).to_have_text(text)
    expect(alice.page.get_by_text(re.compile(r"For \d+ people right now\."))).to_be_visible()
    alice.page.get_by_role("button", name="Publish").click()
    expect(alice.page.get_by_text("Published.")).to_be_visible()

    for person in (bob, other):
        expect(urgent(person)).to_be_visible()
        expect(urgent(person)).to_have_accessible_name("Leave the building")
        expect(urgent(person)).to_have_accessible_description(text)
    for _twice in range(2):
        bob.page.keyboard.press("Escape")
    expect(urgent(bob)).to_be_visible()
    tab_to(bob.page, "[data-urgent] [data-acknowledge]")
    bob.page.keyboard.press("Tab")
    reached = bob.page.evaluate("document.activeElement.closest('[data-urgent], body').tagName")
    assert reached in ("DIALOG", "BODY"), "nothing of the page beneath can be reached"
    tab_to(bob.page, "[data-urgent] [data-acknowledge]")
    bob.page.keyboard.press("Enter")
    for person in (bob, other):
        expect(urgent(person)).to_have_count(0)
    expect(alice.page.locator("dd [data-count=acknowledged]")).to_have_text("1")
    missing = alice.page.locator("[data-missing-list] li")  # others may have joined this space in other tests
    expect(missing.filter(has_text="Bob")).to_have_count(0)
    expect(missing.filter(has_text="Alice")).to_have_count(1)

    bob.page.get_by_role("button", name="Undo").click()
    for person in (bob, other):
        expect(urgent(person)).to_be_visible()
    expect(alice.page.locator("dd [data-count=acknowledged]")).to_have_text("0")
    urgent(alice).get_by_role("button", name="Acknowledge").click()
    alice.page.get_by_role("button", name="Withdraw").click()
    alice.page.get_by_role("dialog", name="Withdraw this notice?").get_by_role("button", name="Withdraw").click()
    expect(alice.page.get_by_text("Withdrawn", exact=True)).to_be_visible()
    for person in (bob, other):
        expect(urgent(person)).to_have_count(0, timeout=3_000)
        person.page.reload()
        person.is_online()
        expect(urgent(person)).to_have_count(0)


def test_what_is_seen_is_counted_once_it_was_in_view_for_a_second(opens: Open, space: Space) -> None:
    text = words()
    alice, bob = opens(space.alice), opens(space.bob)
    bob.goes_to("/rooms/")
    bob.is_online()
    alice.goes_to("/")
    alice.is_online()
    told = tells(alice, text, level="important", needs_ack=True)
    badge = bob.page.locator("[data-unread-notices]")
    expect(badge).to_be_visible()
    expect(strip(bob, text)).to_be_visible()
    expect(badge).to_be_hidden()
    alice.goes_to(f"/notices/manage/{told['id']}/")
    expect(alice.page.locator("dd [data-count=seen]")).to_have_text("2")
    strip(bob, text).get_by_role("button", name="Acknowledge").click()
    expect(strip(bob, text)).to_have_count(0)
    expect(alice.page.locator("dd [data-count=acknowledged]")).to_have_text("1")
    bob.goes_to("/notices/")
    expect(bob.page.locator(".told-one").filter(has_text=text).get_by_role("button", name="Undo")).to_be_visible()
    strip(alice, text).get_by_role("button", name="Acknowledge").click()
    expect(strip(alice, text)).to_have_count(0)


def test_a_notice_is_written_for_later_changed_and_thrown_away(opens: Open, space: Space) -> None:
    text = words()
    alice = opens(space.alice)
    alice.goes_to("/notices/new/")
    alice.page.get_by_label("What you have to say").fill(text)
    alice.page.get_by_label("For", exact=True).select_option("roles")
    alice.page.get_by_role("button", name="Publish").click()
    expect(alice.page.locator("#id_audience_error")).to_have_text("Choose whom it is for.")
    expect(alice.page.get_by_label("What you have to say")).to_have_value(text)
    alice.page.get_by_label("Member", exact=True).check()
    alice.page.get_by_label("Publish at").fill("2020-01-01T09:00")
    alice.page.get_by_role("button", name="Schedule").click()
    expect(alice.page.get_by_text("This is in the past.")).to_be_visible()
    alice.page.get_by_label("Publish at").fill("2028-02-01T09:00")
    alice.page.get_by_label("Repeats").select_option("weekly")
    alice.page.get_by_role("button", name="Schedule").click()
    expect(alice.page.get_by_text("Scheduled.")).to_be_visible()
    alice.goes_to("/notices/manage/")
    expect(alice.page.locator(".day").filter(has_text="1 February 2028")).to_contain_text(text)
    alice.page.get_by_role("link", name=text).click()
    expect(alice.page.get_by_label("Member", exact=True)).to_be_checked()
    expect(alice.page.get_by_label("Publish at")).to_have_value("2028-02-01T09:00")
    alice.page.get_by_role("button", name="Throw away").click()
    expect(alice.page.get_by_text("Thrown away.")).to_be_visible()
    expect(alice.page.get_by_text(text)).to_have_count(0)


def test_a_template_is_kept_and_begins_other_notices(opens: Open, space: Space) -> None:
    text = words()
    alice, bob = opens(space.alice), opens(space.bob)
    bob.goes_to("/messages/")
    bob.is_online()
    alice.goes_to("/notices/new/")
    alice.page.get_by_label("What you have to say").fill(text)
    alice.page.get_by_role("button", name="Keep as a template").click()
    expect(alice.page.get_by_text("Kept as a template.")).to_be_visible()

    alice.goes_to("/notices/new/")
    alice.page.get_by_role("button", name=text).click()
    alice.page.get_by_label("What you have to say").fill(f"{text}, again")
    alice.page.get_by_role("button", name="Publish").click()
    expect(bob.page.get_by_role("status", name="Notices").get_by_text(f"{text}, again")).to_be_visible()

    alice.goes_to("/notices/manage/")
    alice.page.get_by_role("link", name=text, exact=True).click()
    expect(alice.page.get_by_role("heading", name="Change a template")).to_be_visible()
    expect(alice.page.get_by_role("button", name="Publish")).to_have_count(0)
    alice.page.get_by_role("button", name="Keep this template").click()
    alice.page.get_by_role("region", name="Templates").get_by_role("button", name=f"Throw away {text}").click()
    expect(alice.page.get_by_text("Thrown away.")).to_be_visible()
    expect(alice.page.get_by_role("link", name=text, exact=True)).to_have_count(0)


def test_without_scripts_notices_are_read_and_acknowledged(opens: Open, space: Space) -> None:
    text = words()
    alice, bob = opens(space.alice), opens(space.bob, java_script_enabled=False)
    alice.goes_to("/")
    tells(alice, text, needs_ack=True)
    bob.goes_to("/notices/")
    mine = bob.page.locator(".told-one").filter(has_text=text)
    mine.get_by_role("button", name="Acknowledge").click()
    expect(mine.get_by_text("You acknowledged it")).to_be_visible()
    mine.get_by_role("button", name="Undo").click()
    expect(mine.get_by_role("button", name="Acknowledge")).to_be_visible()
