"""Lines are cut, browsers are closed: nothing said is missed, nothing is there twice."""

import json
import re
from typing import Any

from playwright.sync_api import Route, WebSocketRoute, expect

from tenants import organizations
from tests.e2e.conftest import Open, Space, aside, make_space
from tests.e2e.people import PASSWORD, Person
from tests.e2e.test_talking import in_a_room


def test_who_was_offline_has_missed_nothing_and_sees_nothing_twice(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    alice.says("before")
    bob.sees("before")

    bob.goes_offline()
    for word in ("one", "two", "three"):
        alice.says(word)
    alice.sees_in_all("before", "one", "two", "three")
    assert bob.messages.count() == 1

    bob.comes_back()
    bob.sees_in_all("before", "one", "two", "three")
    alice.says("after")
    bob.sees_in_all("before", "one", "two", "three", "after")


def test_what_is_written_offline_is_sent_on_coming_back(opens: Open, space: Space) -> None:
    alice, bob, _ = in_a_room(opens, space)
    bob.goes_offline()
    bob.says("written in a tunnel")
    bob.says("and another")
    expect(bob.page.locator(".message[data-state=pending]")).to_have_count(2)

    bob.comes_back()
    alice.sees_in_all("written in a tunnel", "and another")
    bob.sees_in_all("written in a tunnel", "and another")


def test_a_reload_loses_neither_what_is_unsent_nor_the_draft(opens: Open, space: Space) -> None:
    alice, bob, room = in_a_room(opens, space)
    bob.goes_offline()
    bob.says("unsent")
    bob.types("half a thou")

    bob.page.close()
    bob.context.set_offline(False)
    bob.page = bob.context.new_page()
    bob.enters(room)
    alice.sees_in_all("unsent")
    bob.sees_in_all("unsent")
    expect(bob.composer).to_have_value("half a thou")


def test_an_answer_that_is_lost_doubles_nothing(opens: Open, space: Space) -> None:
    alice, bob, room = in_a_room(opens, space)
    lose_first_answer(bob)
    bob.enters(room)
    bob.says("Did you get that?")
    alice.sees_in_all("Did you get that?")
    bob.sees_in_all("Did you get that?")
    alice.sees_in_all("Did you get that?")


def test_who_signs_out_elsewhere_is_led_to_the_door_not_told_to_be_offline(opens: Open, space: Space) -> None:
    carol = opens(space.home)
    carol.signs_in(space.alice.email)
    carol.page.wait_for_url(f"{carol.home}/")
    carol.enters("general")
    carol.page.keyboard.press("?")
    carol.page.get_by_role("dialog").get_by_role("button", name="Close").click()  # a form, but one that leads nowhere
    carol.types("half a thought")
    other = carol.context.new_page()
    other.goto(carol.home)
    other.get_by_role("button", name="Account menu").click()
    other.get_by_role("button", name="Sign out").click()

    expect(carol.page.get_by_role("heading", name="Sign in")).to_be_visible()
    carol.page.get_by_label("E-mail").fill(space.alice.email)
    carol.page.get_by_label("Password").fill(PASSWORD)
    carol.page.get_by_role("button", name="Sign in", exact=True).click()
    carol.page.wait_for_url("**/chat/general/")
    expect(carol.composer).to_have_value("half a thought")


def test_who_signs_out_is_told_so_even_if_the_line_hears_of_it_first(opens: Open, server: Any) -> None:
    """The page's own line is closed as soon as the session has ended, which may be before the answer has come."""
    slug = aside(make_space).space.slug
    alice = opens(f"http://{server.host(slug)}")
    alice.signs_in(f"alice@{slug}.example")
    alice.page.wait_for_url(f"{alice.home}/")

    states = list[str]()
    alice.page.expose_function("noted", lambda state: states.append(state))
    note = "import('chat/socket').then(({ socket }) => socket.addEventListener('state', () => noted(socket.state)))"

    def answers_late(route: Route) -> None:
        asked = route.request
        with server.client(slug) as client:
            answer = client.post("/accounts/logout/", content=asked.post_data, headers=asked.all_headers())
        while "signed-out" not in states:
            alice.page.wait_for_timeout(10)
        cookies = "\n".join(answer.headers.get_list("set-cookie"))
        location = answer.headers["location"]
        route.fulfill(status=answer.status_code, headers={"location": location, "set-cookie": cookies})

    alice.goes_to("/accounts/logout/")
    alice.is_online()
    alice.page.evaluate(note)
    alice.page.route("**/accounts/logout/", answers_late)
    alice.page.locator("main").get_by_role("button", name="Sign out").click()

    expect(alice.page.get_by_text("You have signed out.")).to_be_visible()
    expect(alice.page).to_have_url(f"{alice.home}/accounts/login/")


def test_a_suspended_space_says_so_on_pages_that_are_open(opens: Open, server: Any) -> None:
    slug = aside(make_space).space.slug
    home = f"http://{server.host(slug)}"
    alice = opens(home)
    alice.signs_in(f"alice@{slug}.example")
    alice.page.wait_for_url(f"{home}/")
    alice.enters("general")

    aside(lambda: organizations.suspend(slug))
    expect(alice.page.locator("[data-line]")).to_contain_text("suspended")
    expect(alice.page.get_by_role("button", name="Try now")).to_be_hidden()


def lose_first_answer(person: Person) -> None:
    """Cuts the first line after the server has taken a post, before anything of it comes back."""
    lines: list[WebSocketRoute] = []

    def stand_between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        lines.append(socket)
        first = len(lines) == 1

        def pass_back(text: str | bytes) -> None:
            if first and json.loads(text).get("on") in ("ack", "message"):
                socket.close(code=1012)
            else:
                socket.send(text)

        server.on_message(pass_back)

    person.page.route_web_socket(re.compile("/ws/$"), stand_between)
