"""The people of one organisation, as one process sees them: with sockets here, and elsewhere by what was read."""

from collections import defaultdict
from collections.abc import Iterator

from realtime.leases import People
from realtime.protocol import Presence
from realtime.rights import Socket
from tenants.actor import Actor
from tenants.roles import Role

MOST_NAMED = 200  # people online; when there are more, only their number is told
NOBODY: People = frozenset()


class Crowd:
    def __init__(self, elsewhere: dict[str, People]) -> None:
        self.sockets: defaultdict[int, set[Socket]] = defaultdict(set)  # by person
        self.leaving: dict[int, float] = {}  # whose last socket is gone; until when they may come back untold
        self.written = NOBODY  # as the database has it for this process
        self.elsewhere = elsewhere  # by process
        self.told = self.online

    def here(self) -> People:
        """Who is online through this process, but for those who do not want it known."""
        seen = (person for person, theirs in self.sockets.items() if any(one.actor.shows_presence for one in theirs))
        return frozenset(seen) | self.leaving.keys()

    @property
    def online(self) -> People:
        return self.written.union(*self.elsewhere.values())

    @property
    def is_over(self) -> bool:
        return not self.sockets and not self.leaving and not self.written

    def add(self, socket: Socket) -> None:
        self.sockets[socket.user_id].add(socket)
        self.leaving.pop(socket.user_id, None)

    def __contains__(self, socket: Socket) -> bool:
        return socket in self.sockets.get(socket.user_id, ())

    def drop(self, socket: Socket, until: float) -> None:
        """With the last socket of a person who is seen at all, they are leaving: kept `until` then."""
        theirs = self.sockets[socket.user_id]
        theirs.discard(socket)
        if not theirs:
            del self.sockets[socket.user_id]
            if socket.actor.shows_presence:
                self.leaving[socket.user_id] = until

    def expire(self, now: float) -> bool:
        """Has somebody been away for too long?"""
        over = [person for person, until in self.leaving.items() if until <= now]
        for person in over:
            del self.leaving[person]
        return bool(over)

    def listeners(self) -> Iterator[Socket]:
        return (socket for theirs in self.sockets.values() for socket in theirs if hears(socket.actor))

    def news(self) -> Presence | None:
        """What those who were last told `told` are to be told; from now on they know who is online now."""
        before, self.told = self.told, self.online
        return None if before == self.told else difference(before, self.told)


def hears(actor: Actor) -> bool:
    """Guests do not: who else works here is none of their business. They ask about the rooms that they are in."""
    return Role(actor.role).at_least(Role.MEMBER)


def named(people: People) -> list[int] | None:
    return sorted(people) if len(people) <= MOST_NAMED else None


def difference(before: People, now: People) -> Presence | None:
    """A number alone when there are too many to name. When there are few enough again, all of them
    are told as having joined."""
    if len(now) > MOST_NAMED:
        return Presence(count=len(now)) if len(before) != len(now) else None
    known = before if len(before) <= MOST_NAMED else NOBODY
    return Presence(count=len(now), joined=sorted(now - known), left=sorted(known - now))
