"""The open sockets of this process, and what becomes of them when control says: look again."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from realtime.fan_out import Listener
from realtime.nursery import Nursery
from realtime.protocol import Close
from tenants import control, directory
from tenants.actor import Actor
from tenants.models import Organization
from tenants.people import credentials, second_factor
from tenants.schema import in_public, in_tenant


class Socket(Listener, Protocol):
    """A socket, as its rights are looked after."""

    actor: Actor

    def close_later(self, code: Close, reason: str) -> None:
        """From now on nothing is sent to it but the close."""

    def become(self, actor: Actor) -> None:
        """The same person, as things stand now."""

    async def recheck(self, address: str) -> None:
        """What this person is in this room has changed: hear it no more, or say that it can be heard."""


class Rights:
    def __init__(self, watch: control.Watch, nursery: Nursery) -> None:
        self._watch, self._nursery = watch, nursery
        self._sockets: defaultdict[str, set[Socket]] = defaultdict(set)

    def register(self, socket: Socket) -> None:
        """From now on this socket is told of ended rights; what ended while it was being let in is looked at again."""
        self._sockets[socket.actor.organization.key].add(socket)
        for change in self._watch.recent():
            if change.key == socket.actor.organization.key:
                self._apply_to(change, [socket])

    def unregister(self, socket: Socket) -> None:
        key = socket.actor.organization.key
        self._sockets[key].discard(socket)
        if not self._sockets[key]:
            del self._sockets[key]

    def count(self, key: str) -> int:
        """Open sockets of an organisation in this process."""
        return len(self._sockets[key]) if key in self._sockets else 0

    def apply(self, change: control.Change) -> None:
        if change.key in self._sockets:
            self._apply_to(change, list(self._sockets[change.key]))

    def _apply_to(self, change: control.Change, sockets: list[Socket]) -> None:
        """To sockets of the organisation that the change is about."""
        if change.what == control.CREDENTIAL:
            for socket in sockets:
                if socket.actor.credential == change.subject:
                    socket.close_later(Close.SIGNED_OUT, "Your session has ended.")
        elif change.what == control.PERSON:
            for socket in _of(sockets, change.subject):
                self._nursery.start(self._look_at_person(socket), "look at a person")
        elif change.what == control.MEMBERSHIP:
            user_id, _, address = change.subject.partition(":")
            for socket in _of(sockets, user_id):
                self._nursery.start(self._look_at_membership(socket, address), "look at a membership")
        elif change.what == control.SECOND_FACTOR:
            self._nursery.start(self._look_at_second_factors(sockets), "look at second factors")
        elif change.what == control.ORGANIZATION:
            self._nursery.start(self._look_at_organization(change.key, sockets), "look at an organisation")

    async def _look_at_person(self, socket: Socket) -> None:
        with _or_out(socket):
            actor = await in_tenant(socket.actor.organization, credentials.again, socket.actor)
            if actor is None:
                socket.close_later(Close.SIGNED_OUT, "Your account has changed. Sign in again.")
            elif actor.must_enroll:
                socket.close_later(Close.SIGNED_OUT, second_factor.SENTENCE)
            else:
                socket.become(actor)

    async def _look_at_second_factors(self, sockets: list[Socket]) -> None:
        with _or_out(*sockets):
            missing = await in_tenant(sockets[0].actor.organization, second_factor.are_missing)
        for socket in sockets:
            if socket.actor.user_id in missing:
                socket.close_later(Close.SIGNED_OUT, second_factor.SENTENCE)

    async def _look_at_membership(self, socket: Socket, address: str) -> None:
        with _or_out(socket):
            await socket.recheck(address)

    async def _look_at_organization(self, key: str, sockets: list[Socket]) -> None:
        with _or_out(*sockets):
            space = await in_public(directory.by_key, key)
        for socket in sockets:
            if space is None or space.state == Organization.State.DELETING:
                socket.close_later(Close.NOT_FOUND, "This organisation is gone.")
            elif space.state == Organization.State.SUSPENDED:
                socket.close_later(Close.SUSPENDED, "This organisation is suspended.")


def _of(sockets: list[Socket], user_id: str) -> list[Socket]:
    return [socket for socket in sockets if str(socket.actor.user_id) == user_id]


@contextmanager
def _or_out(*sockets: Socket) -> Iterator[None]:
    """A right that cannot be looked at must not go on: these sockets have to come back and show who they are."""
    try:
        yield
    except Exception:
        for socket in sockets:
            socket.close_later(Close.RESTARTING, "Come back in a moment.")
        raise
