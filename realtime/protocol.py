"""The wire: commands in, events out, refusals. JSON text frames; this file is their one definition.

Standard library only, so that tests, benchmarks and clients of others can use it. The JSON Schema beside it
(protocol.schema.json) is generated from these classes: `python -m realtime.protocol_schema`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import UTC, datetime
from enum import IntEnum
from functools import cache
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from realtime.fields import ADDRESS, Data, Flag, Numbers, Positions, Text, Whole

T = TypeVar("T")

MOST_FRAME = 64 * 1024  # bytes of one inbound frame; longer ones close the socket with 1009
REPLAY_PAGE = 1000  # changes in one replay


class Close(IntEnum):
    """Why the server closes a socket. 1012, 4408: come back; the others: do not, before something has changed. The
    reason of a 1012 from a server that stops is the number of seconds to wait, drawn by lot so that not all come at
    once."""

    TOO_LONG = 1009
    RESTARTING = 1012
    BAD_DATA = 4400
    SIGNED_OUT = 4401
    SUSPENDED = 4403
    NOT_FOUND = 4404
    TOO_SLOW = 4408
    FLOODING = 4429


REFUSALS = {
    "bad_json": "The frame is not a JSON object.",
    "bad_command": "A field of the command is missing or wrong.",
    "unknown_command": "There is no such command.",
    "empty": "There is nothing in the message.",
    "bad_text": "The text holds a NUL or half of a surrogate pair, which cannot be stored.",
    "too_long": "The text is too long.",
    "rate_limited": "Too many at once; try again after `retry_after` seconds.",
    "not_found": "There is nothing here by that name for you.",
    "forbidden": "Your role does not allow this.",
    "not_joined": "Join the room first.",
    "unknown": "It may or may not have happened; repeat it with the same client_id after `retry_after` seconds.",
}


class Refused(Exception):
    """No, with a code that clients know. The person who asked is told; nobody else notices."""

    def __init__(self, code: str, detail: str = "", retry_after: float | None = None) -> None:
        assert code in REFUSALS, code
        self.code, self.detail, self.retry_after = code, detail or REFUSALS[code], retry_after
        super().__init__(f"{code}: {self.detail}")
        self.id: Id = None


_EPOCH = Text(most=10, pattern="[a-z2-7]+")
Id = int | str | None
Address = Annotated[str, ADDRESS]
Number = Annotated[int, Whole()]
Epoch = Annotated[str, _EPOCH]
ClientId = Annotated[str, Text(most=64, pattern="[!-~]+")]
# No text is refused here for its length or its characters: check_text() says why, by codes of their own.
Body = Annotated[str, Text(least=0, most=MOST_FRAME)]
Emoji = Annotated[str, Text(most=32)]


# Commands: what a client may ask on /ws/.
@dataclass(frozen=True, slots=True)
class Hello:
    """Take up the rooms: each one's changes since the number that I have. Without `rooms`: all of mine, live only."""

    DO: ClassVar[str] = "hello"
    rooms: Annotated[dict[str, int], Positions()] | None = None
    epoch: Epoch | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Hear this room on this socket; with `since`, first what has changed after that number. A public room becomes
    one of mine."""

    DO: ClassVar[str] = "join"
    room: Address
    since: Number | None = None
    epoch: Epoch | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Hear this room no more on this socket."""

    DO: ClassVar[str] = "leave"
    room: Address


@dataclass(frozen=True, slots=True)
class Post:
    """Say something in a room. Twice with one client_id says it once."""

    DO: ClassVar[str] = "post"
    room: Address
    client_id: ClientId
    message: Body


@dataclass(frozen=True, slots=True)
class Edit:
    """Say it otherwise: `message` replaces the words of my message `seq`."""

    DO: ClassVar[str] = "edit"
    room: Address
    seq: Number
    message: Body


@dataclass(frozen=True, slots=True)
class Delete:
    """Take back a message, mine or, for moderators, anybody's. Its number stays, its words are gone."""

    DO: ClassVar[str] = "delete"
    room: Address
    seq: Number


@dataclass(frozen=True, slots=True)
class React:
    """Answer the message `seq` with an emoji, or with `remove` take mine back. Twice does nothing more."""

    DO: ClassVar[str] = "react"
    room: Address
    seq: Number
    emoji: Emoji
    remove: Annotated[bool, Flag()] = False


@dataclass(frozen=True, slots=True)
class Read:
    """I have read this room up to the message `seq`. Never goes back; my other devices are told."""

    DO: ClassVar[str] = "read"
    room: Address
    seq: Number


@dataclass(frozen=True, slots=True)
class Signal:
    """Tell everyone who is joined right now something that nobody keeps, such as that I am typing."""

    DO: ClassVar[str] = "signal"
    room: Address
    data: Annotated[dict[str, Any], Data()]


@dataclass(frozen=True, slots=True)
class Receipts:
    """What has become of notices on this page, by their `seq`: entered into it, visible for a second, acknowledged.
    Only the admins learn it. Twice does nothing more. `unacknowledged` takes back, within five minutes."""

    DO: ClassVar[str] = "receipts"
    delivered: Annotated[list[int], Numbers()] = field(default_factory=list)
    seen: Annotated[list[int], Numbers()] = field(default_factory=list)
    acknowledged: Annotated[list[int], Numbers()] = field(default_factory=list)
    unacknowledged: Annotated[list[int], Numbers()] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Announce:
    """On /ws/notification/, from an admin: publish a notice to everybody."""

    message: Body
    title: Annotated[str, Text(least=0, most=200)] | None = None
    level: Annotated[str, Text(most=10)] | None = None


Command = Hello | Join | Leave | Post | Edit | Delete | React | Read | Signal | Receipts
COMMANDS: dict[str, type[Command]] = {
    each.DO: each for each in (Hello, Join, Leave, Post, Edit, Delete, React, Read, Signal, Receipts)
}


# Events: what a client hears. Fields that are None stay out of the frame.
@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    user_id: int
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """Who has answered with this emoji, the first of them first."""

    emoji: str
    users: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it stands at `changed_seq`. `message` is as written; `html` is there if it is more than plain
    text: rendered and sanitised, safe to be put into a page. `<@7>` in the words mentions person 7."""

    ON: ClassVar[str] = "message"
    room: str
    seq: int
    changed_seq: int
    epoch: str
    user: str
    user_id: int
    client_id: str
    message: str
    at: str
    html: str | None = None
    mentions: list[int] | None = None
    reactions: list[Reaction] | None = None
    edited: str | None = None  # when
    deleted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The message `seq` was edited, deleted or reacted to: all of it that can change, as it stands at `changed_seq`."""

    ON: ClassVar[str] = "changed"
    room: str
    seq: int
    changed_seq: int
    epoch: str
    message: str
    html: str | None = None
    mentions: list[int] | None = None
    reactions: list[Reaction] | None = None
    edited: str | None = None
    deleted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the organisation tells its people, as it stands at `changed_seq`. `html` as with a message. `needs_ack`:
    they are asked to acknowledge it; an urgent one covers the page until they have. `reminder`: so many times those who
    have not have been told it again. In another `state` than `live` it is over: `expired`, or `withdrawn`, and then
    nothing is left of it."""

    ON: ClassVar[str] = "notice"
    seq: int
    changed_seq: int
    epoch: str
    title: str
    message: str
    level: str
    user: str
    user_id: int
    at: str
    html: str | None = None
    state: str = "live"
    needs_ack: bool = False
    dismissible: bool = True
    expires_at: str | None = None
    reminder: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What I have seen and acknowledged of the organisation's notices, here or on another device of mine: by their
    numbers. `unacknowledged`: taken back. `unread`, when a socket opens: how many I have not seen."""

    ON: ClassVar[str] = "receipts"
    seen: list[int] | None = None
    acknowledged: list[int] | None = None
    unacknowledged: list[int] | None = None
    unread: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomState:
    """A room as one person sees it. `people`: the others in a direct or group conversation, instead of a title."""

    room: str
    title: str
    seq: int
    joined: bool
    kind: str = "public"
    topic: str = ""
    archived: bool = False
    announcements: bool = False
    read: int = 0  # read up to this message
    unread: int = 0  # messages of others after it; 100 means 100 or more
    mentions: int = 0  # those of them that mention this person
    people: list[Person] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    ON: ClassVar[str] = "welcome"
    user: str
    user_id: int
    role: str
    organization: str
    epoch: str
    rooms: list[RoomState]
    online: list[int] | None = None  # people's ids; None: too many to name, or not for guests
    online_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Done. `seq`: of the message that was posted or changed; `changed_seq`: of its latest change."""

    ON: ClassVar[str] = "ack"
    id: Id
    seq: int | None = None
    changed_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    ON: ClassVar[str] = "replay"
    room: str
    messages: list[Message]
    through: int
    epoch: str
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What you hold of this room is of another time: fetch it anew."""

    ON: ClassVar[str] = "reload"
    room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """You hear this room no more: you have left it, or it is gone."""

    ON: ClassVar[str] = "gone"
    room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomChange:
    """Title, topic or state of a room are these now. With `state`: told to one person only, who may be new in it."""

    ON: ClassVar[str] = "room"
    room: str
    title: str
    kind: str
    topic: str
    archived: bool
    announcements: bool
    state: RoomState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUp:
    """I have read this room up to `seq`, here or on another device of mine."""

    ON: ClassVar[str] = "read"
    room: str
    seq: int
    unread: int
    mentions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Who has come and who has gone since the last time this was told, or since `Welcome`.

    When more than 200 are online, the count alone is told: forget who they are. When they are fewer again, all of them
    are told as having joined.
    """

    ON: ClassVar[str] = "presence"
    count: int
    joined: list[int] | None = None
    left: list[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalled:
    ON: ClassVar[str] = "signal"
    room: str
    from_: int = field(metadata={"name": "from"})
    user: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    ON: ClassVar[str] = "error"
    id: Id = None
    code: str
    detail: str
    retry_after: float | None = None


Event = (
    Message
    | Changed
    | Notice
    | Received
    | Welcome
    | Ack
    | Replay
    | Reload
    | Gone
    | RoomChange
    | ReadUp
    | Presence
    | Signalled
    | Error
)
EVENTS: tuple[type[Event], ...] = get_args(Event)


def parse(text: str) -> tuple[Command, Id]:
    """One frame → one command and its id. Raises Refused (bad_json, unknown_command, bad_command), with .id if told."""
    return command_of(parse_object(text))


def command_of(frame: dict[str, Any]) -> tuple[Command, Id]:
    """The same of a frame that is an object."""
    id = id_of(frame)
    kind = COMMANDS.get(frame["do"]) if isinstance(frame.get("do"), str) else None
    if kind is None:
        _refuse(id, "unknown_command", f"`do` must be one of: {', '.join(COMMANDS)}.")
    return read(kind, frame, id), id


def id_of(frame: dict[str, Any]) -> Id:
    """What the reply repeats, if the client has given anything."""
    id: Id = frame.get("id")
    if id is not None and not _is_id(id):
        _refuse(None, "bad_command", "id: must be a whole number or an ASCII text of at most 64 characters.")
    return id


def _is_id(id: Any) -> bool:
    return (type(id) is int and abs(id) < 2**53) or (isinstance(id, str) and id.isascii() and len(id) <= 64)


def parse_object(text: str) -> dict[str, Any]:
    try:
        frame = _READER.decode(text)
    except (ValueError, RecursionError):
        raise Refused("bad_json") from None
    if not isinstance(frame, dict):
        raise Refused("bad_json")
    return frame


def read(kind: type[T], frame: dict[str, Any], id: Id = None) -> T:
    values = {}
    for name, reads, may_be_missing in _readers(kind):  # type: ignore[arg-type]  # every type can be hashed
        value = frame.get(name)
        if value is None and may_be_missing:
            continue
        try:
            values[name] = reads(value)
        except ValueError as error:
            _refuse(id, "bad_command", f"{name}: {error}.")
    return kind(**values)


@cache
def _readers(kind: type[Any]) -> list[tuple[str, Callable[[Any], Any], bool]]:
    """Of each field its name, what reads it, and whether it may be missing."""
    return [
        (each.name, what.read, optional or each.default is not MISSING or each.default_factory is not MISSING)
        for each, (what, optional) in field_kinds(kind).items()
    ]


def check_text(text: str, most: int) -> str:
    """A text as it may be stored: returned unchanged, neither trimmed nor normalised; or Refused, and why."""
    if not text or text.isspace():
        raise Refused("empty")
    if len(text) > most:
        raise Refused("too_long", f"The text has {len(text)} characters; at most {most} are allowed.")
    if _UNSTORABLE.search(text):
        raise Refused("bad_text")
    return text


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # half a character is none


def moment(at: datetime) -> str:
    """A time as the wire writes it: UTC, ISO 8601, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(event: Event) -> str:
    """The one text of an event, for every socket that hears it. Fields that are None stay out."""
    return _WRITER.encode(event)


def _plain(event: Any) -> dict[str, Any]:
    plain = {"on": event.ON} if hasattr(event, "ON") else {}
    for told, name in _names(type(event)):
        if (value := getattr(event, name)) is not None:
            plain[told] = value
    return plain


def _names(kind: type[Any]) -> list[tuple[str, str]]:
    """Each field as the wire calls it, and as we do."""
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = [(each.metadata.get("name", each.name), each.name) for each in fields(kind)]
    return found


_NAMES: dict[type[Any], list[tuple[str, str]]] = {}


def field_kinds(kind: type[Any]) -> dict[Field[Any], tuple[Any, bool]]:
    """Each field of a command, with what it may hold and whether it may be missing."""
    found = _FIELDS.get(kind)
    if found is None:
        hints = get_type_hints(kind, include_extras=True)
        found = _FIELDS[kind] = {each: _what(hints[each.name]) for each in fields(kind)}
    return found


def _what(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) is Annotated:
        return hint.__metadata__[0], False
    annotated = next(each for each in get_args(hint) if get_origin(each) is Annotated)
    return annotated.__metadata__[0], True


_FIELDS: dict[type[Any], dict[Field[Any], tuple[Any, bool]]] = {}


def _refuse(id: Id, code: str, detail: str) -> NoReturn:
    refused = Refused(code, detail)
    refused.id = id
    raise refused


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# One of each for all: making one costs more than using it.
_READER = json.JSONDecoder(parse_constant=_no_such_number)
_WRITER = json.JSONEncoder(default=_plain, ensure_ascii=False, separators=(",", ":"))
