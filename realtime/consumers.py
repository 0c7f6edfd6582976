"""The three sockets. They turn frames into verbs and results into frames; they hold no rule and no query."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.utils import timezone

from billing import limits
from realtime import events, groups, protocol
from realtime.chat import changes, hosting, messages, reading, rooms, seen, told
from realtime.chat import listening as room_listening
from realtime.chat.entering import Wish, enter_all
from realtime.chat.replays import Since, since_all
from realtime.hub import hub
from realtime.notices import listening as notice_listening
from realtime.notices import notices, publishing, receipts
from realtime.notices.desk import desk
from realtime.notices.drafts import Draft
from realtime.notices.greeting import Greeting, greet
from realtime.protocol import (
    Ack,
    Changed,
    Delete,
    Edit,
    Gone,
    Hello,
    Join,
    Leave,
    Post,
    React,
    Read,
    Receipts,
    Refused,
    Reload,
    Replay,
    RoomState,
    Signal,
    encode,
)
from realtime.socket import Socket, answering, number_of
from realtime.streams import Stream
from tenants.actor import Actor
from tenants.gathering import Gathering, by_person
from tenants.schema import in_tenant

CHANGES: dict[type[Any], Callable[[Actor, Any], Changed]] = {
    Edit: changes.edit,
    Delete: changes.delete,
    React: changes.react,
}


ENTRIES = Gathering[Wish, Mapping[str, int]](enter_all)
REPLAYS = Gathering[Since, Replay](since_all)
POSTS = Gathering[messages.Admitted, messages.Posted](messages.post_all, rest=lambda space: limits.rest(space.key))
STATES = Gathering[Actor, list[RoomState]](by_person(seen.states, list))
GREETINGS = Gathering[Actor, Greeting](by_person(greet, Greeting))


class Notices(Socket):
    """What hears notices."""

    async def read_notices(self, since: int | None) -> notices.Page:
        """The newest for this person, or all after a number."""
        if since is None:
            return await in_tenant(self.space, notices.latest, self.space, self.user_id)
        return await in_tenant(self.space, notices.since, self.space, self.user_id, since)


class Rooms(Socket):
    """What hears rooms: taking them up without missing or repeating anything, and being put out of them."""

    def __init__(self) -> None:
        self._readings: dict[str, object] = {}  # by room, the latest reading of what this person is there

    async def take_up(self, wanted: Mapping[str, int | None], epoch: str | None, *, joins: bool = False) -> None:
        """Hear these rooms; each from the number the client has of it, or from now on (None). `joins`: and become a
        member. May raise Refused.

        First the right, then a place in the stream that keeps what is told, then the replay (which checks the right
        again: somebody put out in between is not let in), and then both at once go live.
        """
        joined = await ENTRIES.ask(self.space, Wish(self.actor, list(wanted), joins))
        async with self.taking_up:
            for address, since in wanted.items():
                if address not in joined:
                    self.tell(Gone(room=address))
                elif since is not None and (epoch or self.space.epoch) != self.space.epoch:
                    self.tell(Reload(room=address))
                elif since is not None or groups.room(self.key, address) not in self.groups:
                    await self._take_up_one(address, joined[address] if since is None else since)

    async def _take_up_one(self, address: str, since: int) -> None:
        group = groups.room(self.key, address)
        self._readings.pop(address, None)
        self.groups[group] = partial(self._take_up_again, address)
        self.left_behind.pop(group, None)  # it begins anew, at a number of the client's choice
        stream = await hub.hold(group, self, room_listening.reader(self.space, address), room_listening.heads, address)
        through: int | None = since
        try:
            through = await self._replayed(address, since)
            while through is not None and not stream.go_live(self, through):
                through = await self._replayed(address, through)
        except BaseException:
            self.put_out(address)
            raise
        if through is None:
            self.put_out(address)
            self.tell(Reload(room=address))

    async def _take_up_again(self, address: str, since: int) -> None:
        """After falling behind: who was put out meanwhile is told so."""
        try:
            await self._take_up_one(address, since)
        except Refused:
            self.tell(Gone(room=address))

    async def _replayed(self, address: str, since: int) -> int | None:
        """Everything after `since` is written; returns up to where. None: the client is ahead of the room."""
        had = since
        while True:
            replay = await REPLAYS.ask(self.space, Since(self.actor, address, since))
            if replay.through < since:
                return None
            await self.replay(replay, had)
            if replay.complete:
                return replay.through
            since = replay.through

    async def replay(self, replay: Replay, had: int) -> None:
        """Write a replay, or a part of one, to a client that had everything up to `had` when it began."""
        await self.say_and_wait(encode(replay))

    def put_out(self, address: str) -> None:
        group = groups.room(self.key, address)
        self.groups.pop(group, None)
        hub.leave(group, self)

    async def recheck(self, address: str) -> None:
        """What was read last decides: a reading that another has overtaken, or a taking up (which asks for the right
        once more, at its end), might put out somebody who has come back meanwhile."""
        reading = self._readings[address] = object()
        states = await in_tenant(self.space, rooms.states, self.actor, [address])
        if self._readings.get(address) is not reading:
            return
        del self._readings[address]
        hears = groups.room(self.key, address) in self.groups
        if hears and not any(state.joined for state in states):
            self.put_out(address)
            self.tell(Gone(room=address))
        elif not hears and states and states[0].joined:
            self.brought_in(states[0])

    def brought_in(self, state: RoomState) -> None:
        """This person is in a room that this socket does not hear: somebody has invited them, or another device."""

    def post(self, command: Post) -> asyncio.Future[messages.Posted]:
        """With whatever else is said in this organisation just now. May raise Refused."""
        return POSTS.ask(self.space, messages.admit(self.actor, command))


class Application(Rooms, Notices):
    """/ws/: one socket per tab for all rooms and the notices."""

    def brought_in(self, state: RoomState) -> None:
        self.tell(hosting.change_of(state, personal=True))

    async def opened(self) -> None:
        self.open_since = timezone.now()
        states = await STATES.ask(self.space, self.actor)
        online, online_count = await hub.presence.enter(self)
        self.tell(
            protocol.Welcome(
                user=self.actor.name,
                user_id=self.actor.user_id,
                role=self.actor.role,
                organization=self.space.name,
                epoch=self.space.epoch,
                rooms=states,
                online=online,
                online_count=online_count,
            )
        )
        await hear_notices(self, None)

    async def read_notices(self, since: int | None) -> notices.Page:
        """First it is told what this person has done with them: nothing is shown to them anew, and nothing twice."""
        if since is None:
            greeting = await GREETINGS.ask(self.space, self.actor)
            self.tell(greeting.received)
            return greeting.page
        page = await super().read_notices(since)
        seqs = [notice.seq for notice in page.notices]
        self.tell(await in_tenant(self.space, notices.received, self.user_id, seqs))
        return page

    def become(self, actor: Actor) -> None:
        before = self.actor
        super().become(actor)
        hub.presence.changed(self, before)

    async def heard(self, text: str) -> None:
        command, id = protocol.parse(text)
        with answering(id):
            match command:
                case Hello():
                    await self.take_up(await self._all_or(command.rooms), command.epoch)
                case Join():
                    await self._join(command)
                case Leave():
                    self.put_out(command.room)
                case Signal():
                    self._signal(command)
                case Post():
                    posted = await self.post(command)
                    return self.tell(Ack(id=id, seq=posted.event.seq))
                case Edit() | Delete() | React():
                    changed = await in_tenant(self.space, CHANGES[type(command)], self.actor, command)
                    return self.tell(Ack(id=id, seq=changed.seq, changed_seq=changed.changed_seq))
                case Read():
                    await in_tenant(self.space, reading.mark_read, self.actor, command)
                case Receipts():
                    await self._take_receipts(command)
        if id is not None:
            self.tell(Ack(id=id))

    async def _all_or(self, wanted: Mapping[str, int] | None) -> Mapping[str, int | None]:
        if wanted is not None:
            return dict(wanted)
        states = await in_tenant(self.space, rooms.states, self.actor)
        return {state.room: None for state in states if state.joined}

    async def _join(self, command: Join) -> None:
        await self.take_up({command.room: command.since}, command.epoch, joins=True)

    def heard_at_once(self, text: str) -> bool:
        """Signals are by far the most frequent, and need nothing but the memory of this process. Posts are begun one
        after the other, so that those of one moment are stored together; so are receipts, which come from all pages at
        once. Whatever else comes waits for them."""
        if '"signal"' not in text and '"post"' not in text and '"receipts"' not in text:
            return False
        frame = protocol.parse_object(text)
        if frame.get("do") == Post.DO and (reached := limits.reached(self.key, self.user_id)):
            # Who floods costs as little as can be: nine of ten posts at ten times the limit end here.
            if self.admit():
                self.refuse(Refused("rate_limited", reached.sentence, reached.retry_after), protocol.id_of(frame))
            return True
        command, id = protocol.command_of(frame)
        can_begin = isinstance(command, Post) or (isinstance(command, Receipts) and not command.unacknowledged)
        if not can_begin and not (isinstance(command, Signal) and self.is_settled):
            return False
        if not self.admit():
            return True
        done = None if id is None else Ack(id=id)
        with answering(id):
            match command:
                case Post():
                    self.answer_later(id, self.post(command), lambda posted: Ack(id=id, seq=posted.event.seq))
                case Receipts():
                    self.answer_later(id, desk.take(self.actor, command, self.open_since), lambda _: done)
                case Signal():
                    self._signal(command)
                    if done:
                        self.tell(done)
        return True

    async def _take_receipts(self, told: Receipts) -> None:
        if told.delivered or told.seen or told.acknowledged:
            await desk.take(self.actor, told, self.open_since)
        if told.unacknowledged:
            undone = Receipts(unacknowledged=told.unacknowledged)
            await in_tenant(self.space, receipts.mark, self.actor, undone)

    def _signal(self, command: Signal) -> None:
        if self.actor.reads_only:
            raise Refused("forbidden", "This token only reads.")
        group = groups.room(self.key, command.room)
        if group not in self.groups:
            raise Refused("not_joined")
        signalled = protocol.Signalled(
            room=command.room, from_=self.actor.user_id, user=self.actor.name, data=command.data
        )
        events.signal(signalled, to=group)


class OneRoom(Rooms):
    """/ws/chat/<room>/: for scripts and bots. `{"message": "…"}` in, the room's messages out, one by one."""

    hears_signals = False

    @property
    def room(self) -> str:
        return str(self.scope["url_route"]["kwargs"]["room"])

    async def opened(self) -> None:
        since = number_of(self.query("since"))
        await self.take_up({self.room: since}, None, joins=True)

    async def replay(self, replay: Replay, had: int) -> None:
        """Scripts hear one event after the other, as if they had been here."""
        for message in replay.messages:
            await self.say_and_wait(encode(told.as_heard(message, had)))

    async def heard(self, text: str) -> None:
        frame = protocol.parse_object(text)
        id = protocol.id_of(frame)
        said = {"client_id": messages.new_client_id()} | frame | {"room": self.room}
        with answering(id):
            posted = await self.post(protocol.read(Post, said, id))
        if id is not None:
            self.tell(Ack(id=id, seq=posted.event.seq))


class Notification(Notices):
    """/ws/notification/: the organisation's notices. `{"message": "…"}` of an admin publishes one."""

    hears_signals = False  # what is told beside the notices is for the application

    async def opened(self) -> None:
        await hear_notices(self, number_of(self.query("since")))

    async def heard(self, text: str) -> None:
        frame = protocol.parse_object(text)
        id = protocol.id_of(frame)
        with answering(id):
            said = protocol.read(protocol.Announce, frame, id)
            draft = Draft(message=said.message, title=said.title or "", level=said.level or "info")
            notice = await in_tenant(self.space, publishing.publish, self.actor, draft)
        if id is not None:
            self.tell(Ack(id=id, seq=notice.seq))


async def hear_notices(socket: Notices, since: int | None) -> None:
    """The newest notices for this person, or all after a number, and then the coming ones."""
    group = groups.notices(socket.key)
    socket.groups[group] = partial(hear_notices, socket)
    stream: Stream = await hub.hold(
        group, socket, notice_listening.reader(socket.space), notice_listening.heads, notice_listening.ALL
    )
    while True:
        page = await socket.read_notices(since)
        for notice in page.notices:
            socket.tell(notice)
        if stream.go_live(socket, page.through):
            return
        since = page.through
