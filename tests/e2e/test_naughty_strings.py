"""Whatever people write is words: kept as they were written, with no more markup than chat allows, run by nobody."""

import json
import re
from html import unescape
from pathlib import Path

from playwright.sync_api import Dialog, expect

from tests.e2e.conftest import Open, Space
from tests.e2e.people import Person
from tests.e2e.test_talking import in_a_room, say_by_rest

NAUGHTY: list[str] = json.loads((Path(__file__).parent.parent / "data" / "blns.json").read_text())
FENCE = "`" * 20  # longer than any of theirs
ALLOWED = {"a href rel target", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "s", "strong", "ul"}
AT_ONCE = 6_000  # characters of one message: several strings share one, for the sake of the rate limit


def test_naughty_strings_are_shown_and_do_nothing(opens: Open, space: Space) -> None:
    assert len(NAUGHTY) > 400, "a short list proves little"
    alice, bob, room = in_a_room(opens, space)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    bob.page.on("dialog", note)
    sent = [text for bundle in bundles() for text in (bundle, f"{FENCE}\n{bundle}{FENCE}")]
    for text in sent:
        say_by_rest(alice, room, text)
    expect(bob.messages).to_have_count(len(sent))
    live = shown(bob)
    assert [code(html) for html in live[1::2]] == [as_html(text) for text in bundles()], (
        "code is shown as it was written"
    )
    assert tags(bob) <= ALLOWED

    bob.page.reload()
    expect(bob.messages).to_have_count(len(sent))
    assert shown(bob) == live, "the server draws it as the browser does"
    assert tags(bob) <= ALLOWED
    assert dialogs == []
    assert [each["message"] for each in bob.asks("GET", f"rooms/{room}/messages")["messages"]] == sent


def bundles() -> list[str]:
    """The strings, one a line, as few messages as the length allows."""
    made = [""]
    for text in NAUGHTY:
        if len(made[-1]) + len(text) > AT_ONCE:
            made.append("")
        made[-1] += text + "\n"
    return made


def as_html(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def shown(person: Person) -> list[str]:
    htmls: list[str] = person.messages.evaluate_all("all => all.map(one => one.innerHTML)")
    return [as_html(html) for html in htmls]


def code(html: str) -> str:
    found = re.fullmatch(r"<pre><code>(.*)</code></pre>", html.strip(), re.DOTALL)
    assert found, html[:200]
    return unescape(found[1])


def tags(person: Person) -> set[str]:
    """What is in the messages: each tag with the names of its attributes."""
    names: list[str] = person.page.locator(".message-text *").evaluate_all(
        "all => all.map(one => [one.localName, ...one.getAttributeNames().sort()].join(' '))"
    )
    return set(names)
