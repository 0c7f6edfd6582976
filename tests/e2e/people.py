"""People at their browsers, in plain verbs. They wait for what is to be seen, never for time to pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

PASSWORD = "correct horse battery"

CALL = "([method, path, body]) => import('chat/rest').then(({ call }) => call(method, path, body))"

# Playwright's wait_for_function takes a promise for true, whatever becomes of it, and the pages' policy lets it ask
# only once. So the page itself notes how its line is.
NOTE_THE_LINE = """import("chat/socket").then(({ socket }) => {
  const note = () => (document.documentElement.dataset.notedLine = socket.state);
  socket.addEventListener("state", note);
  note();
})"""


@dataclass(frozen=True)
class Account:
    """Who somebody is: enough to open a signed-in browser of theirs."""

    name: str
    email: str
    home: str
    state: Any


class Person:
    def __init__(self, context: BrowserContext, home: str) -> None:
        self.context, self.home = context, home
        self.page: Page = context.new_page()

    def goes_to(self, path: str) -> None:
        self.page.goto(f"{self.home}{path}")

    def signs_in(self, email: str, password: str = PASSWORD) -> None:
        self.goes_to("/accounts/login/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def enters(self, room: str) -> None:
        """Opens the room's page, and waits until the line is there."""
        self.goes_to(f"/chat/{room}/")
        self.is_online()

    def is_online(self) -> None:
        self.page.evaluate(NOTE_THE_LINE)
        expect(self.page.locator("html")).to_have_attribute("data-noted-line", "online")

    def asks(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the REST interface as the page does."""
        return self.page.evaluate(CALL, [method, path, body])

    def opens_a_room(self, title: str) -> str:
        room: str = self.asks("POST", "rooms", {"title": title})["room"]
        return room

    def joins(self, room: str) -> None:
        self.asks("POST", f"rooms/{room}/join")

    def types(self, text: str) -> None:
        self.composer.fill(text)

    def says(self, text: str) -> None:
        self.types(text)
        self.composer.press("Enter")

    def sees(self, *texts: str) -> None:
        """Exactly these messages, in this order, each stored and once: the whole stream, or its end."""
        expect(self.messages.nth(-1)).to_have_text(texts[-1])
        shown = self.messages.all_inner_texts()[-len(texts) :]
        assert shown == list(texts), shown
        expect(self.page.locator(".message[data-state=pending], .message[data-state=failed]")).to_have_count(0)

    def sees_in_all(self, *texts: str) -> None:
        expect(self.messages).to_have_text(list(texts))
        self.sees(*texts)

    def goes_offline(self) -> None:
        self.context.set_offline(True)
        expect(self.page.get_by_text("No connection.")).to_be_visible()

    def comes_back(self) -> None:
        self.context.set_offline(False)
        self.is_online()

    @property
    def composer(self) -> Locator:
        return self.page.locator("#words")

    @property
    def messages(self) -> Locator:
        return self.page.locator(".message .message-text")
