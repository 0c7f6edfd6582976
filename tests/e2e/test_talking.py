"""What one says, the other sees: once, in order, and as it was written."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, WebSocketRoute, expect

from tests.e2e.conftest import Open, Space
from tests.e2e.people import Person


def test_two_people_talk(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)

    alice.says("Hello Bob")
    bob.sees("Hello Bob")
    bob.says("Hello Alice,\nhow are you?")
    alice.sees_in_all("Hello Bob", "Hello Alice,\nhow are you?")
    bob.sees_in_all("Hello Bob", "Hello Alice,\nhow are you?")

    alice.page.reload()
    alice.sees_in_all("Hello Bob", "Hello Alice,\nhow are you?")


def test_shift_enter_begins_a_line_and_enter_sends(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    alice.types("one")
    alice.composer.press("Shift+Enter")
    alice.composer.press_sequentially("two")
    alice.composer.press("Enter")
    bob.sees_in_all("one\ntwo")
    expect(alice.composer).to_have_value("")


def test_who_is_typing_is_shown_until_they_have_spoken(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    alice.composer.press_sequentially("Hm")
    expect(bob.page.get_by_text(f"{space.alice.name} is typing…")).to_be_visible()
    expect(alice.page.get_by_text("is typing")).to_have_count(0)
    alice.composer.press("Enter")
    expect(bob.page.get_by_text(f"{space.alice.name} is typing…")).to_have_count(0)


def test_more_words_than_the_limit_allows_wait_their_turn_and_arrive_in_order(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    words = [f"word {number}" for number in range(25)]
    for word in words:
        alice.says(word)
    bob.sees_in_all(*words)
    alice.sees_in_all(*words)


def test_a_refused_message_stays_and_is_said_once_when_tried_again(opens: Open, space: Space) -> None:
    alice, bob, room = in_a_room(opens, space)
    client_ids: list[str] = []
    refuse_first_post(alice, client_ids)
    alice.enters(room)
    alice.says("Please let me")

    failed = alice.page.locator(".message[data-state=failed]")
    expect(failed).to_contain_text("Not sent. Not now")
    failed.get_by_role("button", name="Retry").click()

    bob.sees_in_all("Please let me")
    alice.sees_in_all("Please let me")
    assert len(client_ids) == 2
    assert len(set(client_ids)) == 1


def test_what_is_too_long_fails_with_the_reason_and_can_be_discarded(opens: Open, space: Space) -> None:
    alice, _, _ = in_a_room(opens, space)
    alice.says("x" * 16_001)
    failed = alice.page.locator(".message[data-state=failed]")
    expect(failed).to_contain_text("16000")
    failed.get_by_role("button", name="Discard").click()
    alice.page.reload()
    expect(alice.messages).to_have_count(0)


def test_scrolling_up_brings_older_pages_and_keeps_the_place(opens: Open, space: Space) -> None:
    _, bob, room = in_a_room(opens, space)
    space.has_heard(room, (f"line {number}" for number in range(130)))
    bob.page.reload()
    bob.sees(*(f"line {number}" for number in range(80, 130)))
    assert bob.page.locator(".message[data-seq='1']").count() == 0

    mark = bob.page.locator(".message[data-seq='83']")
    mark.evaluate("(element) => element.scrollIntoView({ block: 'start' })")
    place = top_of(mark)
    expect(bob.page.locator(".message[data-seq='40']")).to_have_count(1)
    assert top_of(mark) == pytest.approx(place, abs=1), "what is added above must not move what one reads"
    bob.page.locator(".message[data-seq='40']").scroll_into_view_if_needed()
    bob.page.locator(".message[data-seq='1']").scroll_into_view_if_needed()
    expect(bob.page.get_by_text("begins.")).to_be_visible()
    bob.sees_in_all(*(f"line {number}" for number in range(130)))


def test_who_reads_further_up_is_not_moved_by_news_but_told(opens: Open, space: Space) -> None:
    alice, bob, room = in_a_room(opens, space)
    space.has_heard(room, (f"line {number}" for number in range(40)))
    bob.sees(*(f"line {number}" for number in range(40)))
    mark = bob.page.locator(".message[data-seq='5']")
    mark.evaluate("(element) => element.scrollIntoView({ block: 'start' })")
    place = top_of(mark)

    alice.says("News")
    newer = bob.page.get_by_role("button", name="New messages")
    expect(newer).to_be_visible()
    assert top_of(mark) == pytest.approx(place, abs=1)

    newer.click()
    expect(bob.page.get_by_text("News", exact=True)).to_be_in_viewport()
    expect(newer).to_be_hidden()


def test_a_room_is_opened_joined_and_left(opens: Open, space: Space) -> None:
    alice, bob = opens(space.alice), opens(space.bob)
    alice.goes_to("/rooms/")
    alice.page.get_by_label("Title", exact=True).fill("Garden & balcony")
    alice.page.get_by_role("button", name="Open the room").click()
    expect(alice.page.get_by_role("heading", name="Garden & balcony")).to_be_visible()
    alice.is_online()

    bob.goes_to("/rooms/")
    bob.page.get_by_role("button", name="Join Garden & balcony").click()
    bob.page.wait_for_url(alice.page.url)
    bob.is_online()
    alice.says("Green, isn't it?")
    bob.sees_in_all("Green, isn't it?")

    bob.page.get_by_role("link", name="About this room").click()
    bob.page.get_by_role("button", name="Leave", exact=True).click()
    bob.page.get_by_role("button", name="Leave the room").click()
    bob.page.wait_for_url("**/rooms/")
    expect(bob.page.get_by_role("button", name="Join Garden & balcony")).to_be_visible()


def in_a_room(opens: Open, space: Space, **screen: Any) -> tuple[Person, Person, str]:
    """Alice and Bob, both looking at a new room."""
    alice, bob = opens(space.alice, **screen), opens(space.bob, **screen)
    alice.goes_to("/")
    room = alice.opens_a_room("A room")
    bob.goes_to("/")
    bob.joins(room)
    alice.enters(room)
    bob.enters(room)
    return alice, bob, room


def top_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"]


def say_by_rest(person: Person, room: str, text: str) -> None:
    say = """async ([room, message]) => {
      const { call } = await import("chat/rest");
      for (;;) {
        try {
          return await call("POST", `rooms/${room}/messages`, { message, client_id: crypto.randomUUID() });
        } catch (refusal) {
          if (!refusal.retryAfter) throw refusal;
          await new Promise((after) => setTimeout(after, refusal.retryAfter * 1000));
        }
      }
    }"""
    person.page.evaluate(say, [room, text])


def refuse_first_post(person: Person, client_ids: list[str]) -> None:
    """Stands between this browser and the server, and answers the first post with a refusal of its own."""

    def stand_between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            frame: dict[str, Any] = json.loads(text)
            if frame["do"] == "post":
                client_ids.append(frame["client_id"])
            if frame["do"] == "post" and len(client_ids) == 1:
                refusal = {"on": "error", "id": frame["id"], "code": "forbidden", "detail": "Not now."}
                socket.send(json.dumps(refusal))
            else:
                server.send(text)

        socket.on_message(pass_on)

    person.page.route_web_socket(re.compile("/ws/$"), stand_between)
