"""Somebody with a socket: comes in, hears the room, says things, and comes back after having been cut off."""

import json
import random
import time
from dataclasses import asdict
from threading import Event

from benchmarks.client import Refused, Socket
from benchmarks.measuring.accounts import Listener, Said
from benchmarks.measuring.stamps import MARK, Stamp, number_after
from benchmarks.roster import Organisation
from benchmarks.scenario import People
from benchmarks.world import SECOND, World
from realtime.protocol import Close, Join, Post, Signal

JOIN = "join"
COMING_TAKES_AT_MOST = 60.0  # seconds
COMES_BACK_WITHIN = 1.0  # seconds, at first; doubled up to half a minute
FOR_GOOD = {Close.SIGNED_OUT, Close.SUSPENDED, Close.NOT_FOUND, Close.BAD_DATA}


class Visitor:
    """`counts`: whether this one is owed the messages."""

    def __init__(self, world: World, organisation: Organisation, people: People, *, counts: bool = True) -> None:
        self.world, self.organisation, self.people = world, organisation, people
        self.number = world.number(people.name)
        self.socket: Socket | None = None
        self.here = Event()  # it hears the room
        self.came = False
        self._token = organisation.token(world.number(f"token {organisation.index}"))
        self._counts = counts
        self._listener: Listener | None = None
        self._since: int | None = None  # the number of the room when it first came
        self._intended = 0  # when it wanted to come in
        self._failures = 0
        self.unanswered: dict[int, tuple[Said, str]] = {}
        self._sender = world.number("sender")
        self._said = 0

    def come(self, intended: int) -> bool:
        """Returns whether it hears the room, when that is known."""
        self._intended = intended
        self.here.clear()
        self.socket = None
        self.world.account.opened(1)
        try:
            self.socket = self._open()
        except Refused as refused:
            self.world.account.opened(-1)
            self.world.account.count(f"handshake refused with {refused.status}")
            self._comes_back(None)
            return False
        if self.world.over:
            self.socket.drop()
        return self.here.wait(COMING_TAKES_AT_MOST)

    def leave(self) -> None:
        if self.socket:
            self.socket.close()

    def drop_and_come_back(self) -> None:
        if self.socket and self.here.is_set():
            self.socket.drop()
            self.world.account.opened(-1)
            self.come(time.monotonic_ns())

    def post(self, intended: int, step: int, size: int) -> None:
        """Said when it is time, whatever has become of what was said before."""
        stamp = Stamp(
            self.world.account.run, self.organisation.index, self._sender, self._said, intended, time.monotonic_ns()
        )
        self._said += 1
        said = Said(stamp, step, size)
        self.world.account.say(said)
        text = self._command(stamp, size)
        self.unanswered[stamp.number] = said, text
        if self.socket and self.here.is_set():
            self.socket.say(text)

    def _command(self, stamp: Stamp, size: int) -> str:
        if self.people.signals:
            signal = Signal(self.organisation.room, {"said": stamp.text(size)})
            return json.dumps({"do": Signal.DO, "id": stamp.number} | asdict(signal))
        name = f"{stamp.run}-{stamp.sender}-{stamp.number}"
        post = Post(self.organisation.room, client_id=name, message=stamp.text(size))
        return json.dumps({"do": Post.DO, "id": stamp.number} | asdict(post))

    def _open(self) -> Socket:
        address = self.world.address(self.organisation)
        return self.world.ears.open(address, "/ws/", self._token, self._hear, self._gone)

    def _hear(self, frame: bytes, now: int) -> None:
        if MARK in frame:
            if self._listener:
                self.world.account.hear(self._listener, frame, now, again=not self.here.is_set())
        elif frame.startswith(b'{"on":"ack"'):
            self._answered(frame, now)
        elif frame.startswith(b'{"on":"error"'):
            self._refused(frame)
        elif frame.startswith(b'{"on":"welcome"'):
            self._join(frame)
        elif frame.startswith(b'{"on":"reload"'):
            self.world.account.count("told to reload")

    def _join(self, welcome: bytes) -> None:
        highest = self._listener.highest if self._listener else 0
        if self._since is None:
            room = welcome.find(f'"room":"{self.organisation.room}"'.encode())
            self._since = number_after(welcome, b'"seq":', room) or 0
        join = Join(self.organisation.room, since=max(self._since, highest))
        text = json.dumps({"do": Join.DO, "id": JOIN, "room": join.room, "since": join.since})
        # The first word may be there before `open` has returned.
        self.world.spawn(self._say_when_open, text)

    def _say_when_open(self, text: str) -> None:
        while self.socket is None and not self.world.over:
            time.sleep(0.001)
        if self.socket:
            self.socket.say(text)

    def _answered(self, frame: bytes, now: int) -> None:
        if b'"id":"join"' in frame:
            self._is_here(now)
            return
        answered = self.unanswered.pop(number_after(frame, b'"id":') or 0, None)
        if answered:
            answered[0].acknowledged = now

    def _is_here(self, now: int) -> None:
        self.world.account.time("coming in", now - self._intended)
        self._failures = 0
        if not self.came:
            self.came = True
            self.world.here += 1
        if self._counts and not self._listener:
            self._listener = self.world.account.born(self.organisation.index, now)
        self.here.set()
        for _, text in list(self.unanswered.values()):
            if self.socket:
                self.socket.say(text)

    def _refused(self, frame: bytes) -> None:
        error = json.loads(frame)
        self.world.account.count(f"refused: {error['code']}")
        if error["code"] == "unknown":
            self.world.spawn(self._say_again, error.get("id"), float(error.get("retry_after") or 1))
            return
        refused = self.unanswered.pop(error.get("id"), None)
        if refused:
            refused[0].refused = error["code"]

    def _say_again(self, number: int, after: float) -> None:
        time.sleep(after)
        if number in self.unanswered and self.socket:
            self.socket.say(self.unanswered[number][1])

    def _gone(self, code: int, reason: str) -> None:
        self.here.clear()
        self.world.account.count(f"closed with {code}")
        self.world.account.opened(-1)
        if code not in FOR_GOOD:
            self._comes_back(float(reason) if code == Close.RESTARTING and _is_number(reason) else None)

    def _comes_back(self, after: float | None) -> None:
        if after is None:
            after = random.uniform(0.1, min(30.0, COMES_BACK_WITHIN * 2**self._failures))
            self._failures += 1
        if not self.world.over:
            self.world.spawn(self._come_after, after)

    def _come_after(self, seconds: float) -> None:
        if self.world.sleep_until(time.monotonic_ns() + int(seconds * SECOND)):
            self.come(time.monotonic_ns())


class Announcer(Visitor):
    """An admin, who says things to everybody as notices."""

    def _command(self, stamp: Stamp, size: int) -> str:
        return json.dumps({"id": stamp.number, "title": "Bench", "message": stamp.text(size)})

    def _open(self) -> Socket:
        address = self.world.address(self.organisation)
        opened = self.world.ears.open(address, "/ws/notification/", self._token, self._hear, self._gone)
        self.here.set()
        return opened


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
