"""Every naughty string comes back as it was sent, over the socket and over REST, or is refused for what it is."""

import json
from pathlib import Path

from tests.cast import Org
from tests.clients import opened
from tests.conftest import Servers

NAUGHTY: list[str] = json.loads((Path(__file__).parent.parent / "data" / "blns.json").read_text())


def code_of(text: str) -> str | None:
    """What the wire says of it: blank or empty, NUL and half surrogates; all else is kept."""
    if not text or text.isspace():
        return "empty"
    if "\0" in text or any(0xD800 <= ord(character) < 0xE000 for character in text):
        return "bad_text"
    return None


async def test_every_string_comes_back_unchanged_or_is_refused(servers: Servers, acme: Org) -> None:
    server = servers.get(LIMITS="unlimited")
    async with (
        opened(server, acme, "/ws/chat/general/", by=acme.owner) as script,
        opened(server, acme, by=acme.add("bob")) as listener,
    ):
        await listener.asks("hello", rooms={"general": 0})
        for number, text in enumerate(NAUGHTY):
            await script.says({"message": text, "id": number})
            reply = await script.hears(lambda frame, id=number: frame.get("id") == id)
            assert reply.get("code") == code_of(text), text
        kept = [text for text in NAUGHTY if code_of(text) is None]
        await listener.hears(lambda frame: frame.get("changed_seq") == len(kept))
        assert listener.messages() == kept
    assert len(kept) > 400, "a short list proves little"
    with server.client(acme.space.slug, token=acme.owner.token) as http:
        page = http.get("/api/v1/rooms/general/messages?limit=200&after=0").json()
        assert [message["message"] for message in page["messages"]] == kept[:200]


async def test_naughty_strings_as_names_titles_and_addresses_break_nothing(servers: Servers, acme: Org) -> None:
    server = servers.get(LIMITS="unlimited")
    with server.client(acme.space.slug, token=acme.owner.token) as http:
        for text in NAUGHTY:
            for path, body in (
                ("/api/v1/rooms", {"title": text}),
                ("/api/v1/notices", {"message": text, "title": text, "level": text}),
            ):
                answer = http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
                assert answer.status_code in (201, 403, 409, 422), (path, text, answer.text)
                if answer.status_code != 201:
                    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in server.said
