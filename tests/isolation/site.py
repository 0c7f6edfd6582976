"""Conclave in this process, on a real socket, so that a guard can be taken out of it; and two organisations that look
the same from outside: same ids, names and rooms, and a canary in every field."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from realtime.chat import messages, rooms
from realtime.notices import publishing
from realtime.notices.drafts import Draft
from realtime.protocol import Post
from saas.websocket import draining_over
from tenants import control
from tests.cast import Member, Org, found
from tests.running import Site, free_port


class Here(Site):
    """The same application as `conclave serve`, on a thread of this process."""

    def __init__(self) -> None:
        from saas.asgi import application

        self.port = free_port()
        config = uvicorn.Config(
            application, host="127.0.0.1", port=self.port, ws=draining_over(0.0), log_config=None, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), daemon=True)

    @contextmanager
    def serving(self) -> Iterator["Here"]:
        self._thread.start()
        try:
            with self.client() as http:
                while http.get("/readyz").status_code != 200:
                    pass
            yield self
        finally:
            self._server.should_exit = True
            self._thread.join(30)
            control._last_reading = float("-inf")  # nobody reads it here any more: what is cached counts no longer


@dataclass(frozen=True)
class Space:
    """One of the two, as its people see it."""

    org: Org
    canary: str
    admin: Member
    member: Member

    @property
    def slug(self) -> str:
        return self.org.space.slug


@dataclass(frozen=True)
class Ring:
    """What every attempt is given. `ours` is attacked by Mallory, who owns `theirs`."""

    site: Here
    ours: Space
    theirs: Space

    @property
    def alice(self) -> Member:
        return self.ours.org.owner

    @property
    def mallory(self) -> Member:
        return self.theirs.org.owner


def furnished(name: str, owner: str) -> Space:
    """The canary is in every text that somebody writes: names, titles, messages, notices. Not in the organisation's
    name, which its sign-in page shows to everybody."""
    canary = f"canary-{name}-{owner}"
    org = found(name, owner=f"{owner} {canary}", mailbox=owner)
    bob = org.add("bob")

    def fill() -> None:
        rooms.open(org.owner.actor, f"Plans {canary}", "plans")
        for room in ("general", "plans"):
            for number in range(3):
                said = Post(room=room, client_id=f"c{number}-{room}", message=f"{room} {number} {canary}")
                messages.post(org.owner.actor, said)
        publishing.publish(org.owner.actor, Draft(message=f"notice {canary}", title=f"title {canary}"))

    org.inside(fill)
    return Space(org, canary, org.owner, bob)
