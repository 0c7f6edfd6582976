"""What an owner tells everybody is seen by everybody, on whatever page, until they have had enough of it."""

import secrets

from playwright.sync_api import expect

from tests.e2e.conftest import Open, Space


def test_a_notice_reaches_open_pages_and_those_who_come_later(opens: Open, space: Space) -> None:
    words = f"The lift is broken {secrets.token_hex(4)}"
    alice, bob, late = opens(space.alice), opens(space.bob), opens(space.bob)
    bob.goes_to("/messages/")
    bob.is_online()
    alice.goes_to("/")
    alice.page.get_by_label("Tell everybody").fill(words)
    alice.page.get_by_role("button", name="Publish").click()
    expect(alice.page.get_by_text("Published.")).to_be_visible()

    expect(bob.page.get_by_role("status", name="Notices").get_by_text(words)).to_be_visible()
    late.enters("general")
    notice = late.page.locator(".notice").filter(has_text=words)
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Dismiss").click()
    late.page.reload()
    late.is_online()
    expect(notice).to_have_count(0)
    late.goes_to("/")
    expect(late.page.locator("[data-notice-list]").get_by_text(words)).to_be_visible()


def test_members_are_offered_no_form_to_publish(opens: Open, space: Space) -> None:
    alice, bob = opens(space.alice), opens(space.bob)
    alice.goes_to("/")
    bob.goes_to("/")
    expect(alice.page.get_by_label("Tell everybody")).to_be_visible()
    expect(bob.page.get_by_role("heading", name="Notices")).to_be_visible()
    expect(bob.page.get_by_label("Tell everybody")).to_have_count(0)
