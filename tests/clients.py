"""A client that knows an address and a token: opens real sockets, says things, and waits for what it is to hear."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.cast import PASSWORD, Member, Org
from tests.running import Site

PATIENCE = 15.0  # seconds: generous, for a machine with other things to do

Frame = dict[str, Any]


class Client:
    """One open socket. Keeps what it has heard; the sentences wait until they are true."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[Frame] = []
        self._ids = 0

    async def says(self, frame: Mapping[str, Any] | str | bytes) -> None:
        await self.connection.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def asks(self, do: str, **fields: Any) -> Frame:
        """A command, and its reply: ack or error."""
        self._ids += 1
        id = self._ids
        await self.says({"do": do, "id": id} | fields)
        return await self.hears(lambda frame: frame.get("id") == id)

    async def posts(self, message: str, room: str = "general", client_id: str | None = None) -> Frame:
        return await self.asks("post", room=room, client_id=client_id or secrets.token_hex(8), message=message)

    async def hears(self, wanted: Any = None, **fields: Any) -> Frame:
        """The first frame, heard already or to come, that fits. Fails when it does not come."""
        fits = wanted or (lambda frame: fields.items() <= frame.items())
        for frame in self.heard:
            if fits(frame):
                return frame
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = await self.next()
                if fits(frame):
                    return frame

    async def next(self) -> Frame:
        frame: Frame = json.loads(await self.connection.recv())
        self.heard.append(frame)
        return frame

    async def is_closed(self) -> int:
        """The code that the server closes this socket with; what comes before it is kept."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self.next()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def messages(self) -> list[str]:
        return [frame["message"] for frame in self.heard if frame["on"] == "message"]

    def changes(self, room: str = "general") -> list[int]:
        """The numbers of a room's changes in the order heard, live or replayed."""
        numbers = []
        for frame in self.heard:
            if frame.get("room") == room and frame["on"] in ("message", "changed"):
                numbers.append(frame["changed_seq"])
            if frame.get("room") == room and frame["on"] == "replay":
                numbers += [message["changed_seq"] for message in frame["messages"]]
        return numbers


@asynccontextmanager
async def opened(
    server: Site, org: Org | str, path: str = "/ws/", *, by: Member | str | None = None, **headers: str
) -> AsyncIterator[Client]:
    """A socket of this organisation, opened with a person's token, or with the given headers only."""
    slug = org if isinstance(org, str) else org.space.slug
    token = by.token if isinstance(by, Member) else by
    given = {"Host": server.host(slug)} | ({"Authorization": f"Bearer {token}"} if token else {}) | headers
    async with connect(
        f"ws://{given.pop('Host')}{path}",
        host="127.0.0.1",
        port=server.port,
        additional_headers=given,
        origin=None,
        user_agent_header=None,
        max_size=None,
        proxy=None,
    ) as connection:
        yield Client(connection)


async def refused(server: Site, org: Org | str, path: str = "/ws/", **how: Any) -> int:
    """The HTTP status that a handshake is refused with."""
    try:
        async with opened(server, org, path, **how):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


@dataclass(frozen=True)
class Session:
    """A browser that has signed in: its cookies, for sockets and requests."""

    http: httpx.Client
    origin: str

    @property
    def headers(self) -> dict[str, str]:
        """What the browser sends when one of its own pages opens a socket."""
        return {"Cookie": f"session={self.http.cookies['session']}", "Origin": self.origin}

    def signs_out(self) -> None:
        token = self.http.cookies["csrftoken"]
        answer = self.http.post("/accounts/logout/", data={"csrfmiddlewaretoken": token})
        assert answer.status_code == 302, answer.text


@contextmanager
def signed_in(server: Site, org: Org, who: Member, password: str = PASSWORD) -> Iterator[Session]:
    """Signs in by the page, as a browser would."""
    with server.client(org.space.slug) as http:
        http.get("/accounts/login/")
        form = {"login": who.actor.email, "password": password, "csrfmiddlewaretoken": http.cookies["csrftoken"]}
        answer = http.post("/accounts/login/", data=form)
        assert answer.status_code == 302, answer.text
        yield Session(http, f"http://{server.host(org.space.slug)}")


def nothing_for(client: Client, text: str) -> None:
    assert not [frame for frame in client.heard if text in json.dumps(frame, ensure_ascii=False)]
