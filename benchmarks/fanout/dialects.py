"""How each kind of server is spoken to: how one enters a group, how a message is said to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.fanout.plan import NUMBER, Caller, Header, Plan, Saying, frame, handshake, text
from benchmarks.fanout.scenarios import SIGNAL, STORED, Crowd
from realtime.protocol import Join, Post, Signal

# Bytes of a message as it arrives: a text of SAID with the JSON around it of whoever has any, else a text of HEARD.
SAID, HEARD = 110, 200


class Dialect(Protocol):
    def plan(self, port: int, crowd: Crowd) -> Plan:
        """So many listeners, and somebody in each group who speaks."""


@dataclass(frozen=True, slots=True)
class Person:
    token: str
    session: str


@dataclass(frozen=True, slots=True)
class Space:
    """An organisation that was made for measuring: its address as the Host header has it, and who is in its room."""

    host: str
    room: str
    cookie: str  # the name of the one that holds a session
    people: Sequence[Person]


@dataclass(frozen=True, slots=True)
class Conclave:
    spaces: Sequence[Space]
    with_sessions: bool = True
    joins: bool = True
    """Into the room; else one is there with the first word, as somebody who has signed in and no more."""

    def plan(self, port: int, crowd: Crowd) -> Plan:
        spaces = [space for space in self.spaces if len(space.people) == crowd.members]
        if crowd.groups == 1:
            spaces = spaces or [space for space in self.spaces if len(space.people) > crowd.members]
        callers: list[Caller] = []
        sayings: list[Saying] = []
        for group, space in enumerate(spaces[: crowd.groups]):
            sayings += self._sayings(group, space, len(callers))
            callers += [self._caller(group, space, person) for person in space.people[: crowd.members]]
        return Plan(port, callers, sayings, needle=b'{"on":"ack","id":1' if self.joins else b'{"on":"welcome"')

    def _caller(self, group: int, space: Space, person: Person) -> Caller:
        join = frame(json.dumps({"do": Join.DO, "id": 1, "room": space.room}))
        asked = handshake("/ws/", space.host, *self._credentials(space, person))
        return Caller(group, asked, join if self.joins else b"")

    def _credentials(self, space: Space, person: Person) -> list[Header]:
        if self.with_sessions:
            return [("Cookie", f"{space.cookie}={person.session}"), ("Origin", f"http://{space.host}")]
        return [("Authorization", f"Bearer {person.token}")]

    def _sayings(self, group: int, space: Space, caller: int) -> list[Saying]:
        words = text(group, SAID)
        signal = {"do": Signal.DO, "room": space.room, "data": {"text": words}}
        post = {"do": Post.DO, "room": space.room, "client_id": f"RRRR-{group}-{NUMBER}", "message": words}
        return [
            Saying(template, group, caller, frame(json.dumps(command)))
            for template, command in ((SIGNAL, signal), (STORED, post))
        ]


@dataclass(frozen=True, slots=True)
class Rooms:
    """Whatever is said in a room comes to all in it: the tutorial of Channels, `ws`."""

    path: str = "/ws/chat/{}/"

    def plan(self, port: int, crowd: Crowd) -> Plan:
        callers = [
            Caller(group, handshake(self.path.format(f"room{group}"), f"127.0.0.1:{port}"))
            for group in range(crowd.groups)
            for _ in range(crowd.members)
        ]
        sayings = [
            Saying(SIGNAL, group, group * crowd.members, frame(json.dumps({"message": text(group, HEARD - 14)})))
            for group in range(crowd.groups)
        ]
        return Plan(port, callers, sayings)


@dataclass(frozen=True, slots=True)
class SocketIO:
    def plan(self, port: int, crowd: Crowd) -> Plan:
        callers = [
            Caller(
                group,
                handshake(f"/socket.io/?EIO=4&transport=websocket&room=room{group}", f"127.0.0.1:{port}"),
                frame("40"),
            )
            for group in range(crowd.groups)
            for _ in range(crowd.members)
        ]
        sayings = [
            Saying(SIGNAL, group, group * crowd.members, frame("42" + json.dumps(["say", text(group, HEARD - 12)])))
            for group in range(crowd.groups)
        ]
        return Plan(port, callers, sayings, needle=b"40{", answer=(b"2", frame("3")))


@dataclass(frozen=True, slots=True)
class Nchan:
    """Said by HTTP, on a connection that is kept."""

    def plan(self, port: int, crowd: Crowd) -> Plan:
        callers: list[Caller] = []
        sayings: list[Saying] = []
        host = f"127.0.0.1:{port}"
        for group in range(crowd.groups):
            callers += [Caller(group, handshake(f"/sub/room{group}", host)) for _ in range(crowd.members)]
            words = text(group, HEARD)
            post = f"POST /pub/room{group} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(words)}\r\n\r\n{words}"
            sayings.append(Saying(SIGNAL, group, len(callers), post.encode()))
            callers.append(Caller(group, raw=True))
        return Plan(port, callers, sayings)


@dataclass(frozen=True, slots=True)
class Nats:
    def plan(self, port: int, crowd: Crowd) -> Plan:
        callers: list[Caller] = []
        sayings: list[Saying] = []
        for group in range(crowd.groups):
            enter = 'CONNECT {"verbose":false,"pedantic":false,"echo":true}\r\n' + f"SUB room.{group} 1\r\nPING\r\n"
            words = text(group, HEARD - 24)  # what it puts around one, with its ends of lines
            say = frame(f"PUB room.{group} {len(words)}\r\n{words}\r\n", opcode=2)
            sayings.append(Saying(SIGNAL, group, len(callers), say))
            request = handshake("/", f"127.0.0.1:{port}")
            callers += [Caller(group, request, frame(enter, opcode=2)) for _ in range(crowd.members)]
        answer = (b"PING\r\n", frame("PONG\r\n", opcode=2))
        return Plan(port, callers, sayings, needle=b"PONG\r\n", answer=answer, is_stream=True)
