"""The API of rooms and conversations."""

from typing import Annotated, Any, Literal

from ninja import Query, Router, Schema, Status
from pydantic import Field

from realtime import protocol
from realtime.chat import conversations, hosting, rooms
from realtime.chat.rooms import MOST_TITLE, MOST_TOPIC
from realtime.protocol import Refused
from realtime.rest import answered
from tenants.exact import Exact
from tenants.keyset import cut
from tenants.people.models import User

router = Router(tags=["rooms"], exclude_none=True)

Address = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
UserId = Annotated[int, Field(ge=1, le=2**53 - 1)]

RoomOut = answered(protocol.RoomState)
ListedOut = answered(rooms.Listed)


class RoomsOut(Schema):
    rooms: list[ListedOut]  # type: ignore[valid-type]
    next: str | None = None


class RoomIn(Exact):
    title: str
    room: Address | None = None
    kind: Literal["public", "private"] = "public"
    topic: Annotated[str, Field(max_length=MOST_TOPIC)] = ""


class ChangeIn(Exact):
    title: Annotated[str, Field(max_length=MOST_TITLE)] | None = None
    topic: Annotated[str, Field(max_length=MOST_TOPIC)] | None = None
    announcements: bool | None = None


class RoomsIn(Schema):
    text: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = ""
    after: Address | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class RoomMemberOut(Schema):
    user_id: int
    user: str
    role: str


class RoomMembersOut(Schema):
    members: list[RoomMemberOut]
    next: int | None = None


class RoomMembersIn(Schema):
    after: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class PeopleIn(Schema):
    people: Annotated[list[UserId], Field(max_length=100)]


class InvitedOut(Schema):
    invited: list[RoomMemberOut]


@router.get("/rooms", response=RoomsOut, operation_id="rooms.listed")
def list_rooms(request: Any, page: Query[RoomsIn]) -> dict[str, object]:
    """The rooms that I may see, by title. `next` goes on as `after`."""
    found = rooms.listed(request.actor, text=page.text, after=page.after, limit=page.limit + 1)
    listed, on = cut(found, page.limit, lambda room: room.room)
    return {"rooms": listed, "next": on}


@router.post("/rooms", response={201: ListedOut}, operation_id="rooms.open")
def open_room(request: Any, body: RoomIn) -> Status[rooms.Listed]:
    """A new room, public or private, with me in it."""
    private = body.kind == "private"
    return Status(201, rooms.open(request.actor, body.title, body.room, private=private, topic=body.topic))


@router.get("/rooms/{room}", response=RoomOut, operation_id="rooms.states")
def see_room(request: Any, room: str) -> protocol.RoomState:
    return _state(request, room)


@router.patch("/rooms/{room}", response=RoomOut, operation_id="rooms.change")
def change_room(request: Any, room: str, body: ChangeIn) -> protocol.RoomState:
    """Title, topic, announcements only: what is given is changed."""
    return hosting.change(request.actor, room, **body.dict(exclude_unset=True))


@router.post("/rooms/{room}/join", response=RoomOut, operation_id="rooms.join")
def join(request: Any, room: str) -> protocol.RoomState:
    if not rooms.join(request.actor, [room]):
        raise Refused("not_found", "There is no such room, or it is archived.")
    return _state(request, room)


@router.post("/rooms/{room}/leave", response={204: None}, operation_id="rooms.leave")
def leave(request: Any, room: str) -> Status[None]:
    rooms.leave(request.actor, room)
    return Status(204, None)


@router.post("/rooms/{room}/archive", response=RoomOut, operation_id="rooms.archive")
def archive(request: Any, room: str) -> protocol.RoomState:
    return hosting.archive(request.actor, room)


@router.post("/rooms/{room}/restore", response=RoomOut, operation_id="rooms.restore")
def restore(request: Any, room: str) -> protocol.RoomState:
    return hosting.restore(request.actor, room)


@router.get("/rooms/{room}/members", response=RoomMembersOut, operation_id="rooms.members")
def list_members(request: Any, room: str, page: Query[RoomMembersIn]) -> dict[str, object]:
    """Who is in the room, by name. `next` goes on as `after`."""
    found = hosting.members(request.actor, room, after=page.after, limit=page.limit + 1)
    people, on = cut(found, page.limit, lambda person: person.pk)
    return {"members": _told(people), "next": on}


@router.post("/rooms/{room}/members", response=InvitedOut, operation_id="rooms.invite")
def invite(request: Any, room: str, body: PeopleIn) -> dict[str, object]:
    """Bring people in. `invited` are those who were not in it yet."""
    return {"invited": _told(hosting.invite(request.actor, room, body.people))}


@router.delete("/rooms/{room}/members/{int:user_id}", response={204: None}, operation_id="rooms.expel")
def expel(request: Any, room: str, user_id: int) -> Status[None]:
    hosting.expel(request.actor, room, user_id)
    return Status(204, None)


@router.post("/conversations", response=RoomOut, operation_id="rooms.direct")
def converse(request: Any, body: PeopleIn) -> protocol.RoomState:
    """The conversation between me and these people: the one that there is, or a new one."""
    return conversations.direct(request.actor, body.people)


def _state(request: Any, room: str) -> protocol.RoomState:
    found = rooms.states(request.actor, [room])
    if not found:
        raise Refused("not_found", "There is no such room.")
    return found[0]


def _told(people: list[User]) -> list[dict[str, object]]:
    return [{"user_id": person.pk, "user": person.name, "role": person.role} for person in people]
