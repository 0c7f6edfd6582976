"""The API of messages. Beside it: realtime.chat.rooms_api."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from realtime import protocol
from realtime.chat import changes, messages, reading
from realtime.rest import answered

router = Router(tags=["messages"], exclude_none=True)

Number = Annotated[int, Field(ge=0, le=2**53 - 1)]

MessageOut = answered(protocol.Message)
ChangedOut = answered(protocol.Changed)
ReadOut = answered(protocol.ReadUp)


class PageOut(Schema):
    messages: list[MessageOut]  # type: ignore[valid-type]
    through: int
    epoch: str
    more: bool
    next: int | None = Field(None, description="Where to read on: as `after` if that was given, else as `before`.")


class MessageIn(Schema):
    message: str
    client_id: str | None = None


class EditIn(Schema):
    message: str


class ReadIn(Schema):
    seq: Number


class PageIn(Schema):
    before: Number | None = None
    after: Number | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@router.get("/rooms/{room}/messages", response=PageOut, operation_id="messages.page")
def history(request: Any, room: str, page: Query[PageIn]) -> dict[str, object]:
    """A page in ascending order: the newest, or those before or after a number. `through` is a safe `since`."""
    found, through, more = messages.page(request.actor, room, before=page.before, after=page.after, limit=page.limit)
    on = found[0 if page.after is None else -1].seq if more else None
    return {"messages": found, "through": through, "epoch": request.organization.epoch, "more": more, "next": on}


@router.post("/rooms/{room}/messages", response={201: MessageOut, 200: MessageOut}, operation_id="messages.post")
def post(request: HttpRequest, room: str, body: MessageIn) -> Status[protocol.Message]:
    """Say something. With a client_id that was used before, the answer is the earlier message, with 200."""
    said = {"room": room, "client_id": body.client_id or messages.new_client_id(), "message": body.message}
    posted = messages.post(request.actor, protocol.read(protocol.Post, said))  # type: ignore[attr-defined]
    return Status(201 if posted.is_new else 200, posted.event)


@router.get("/rooms/{room}/messages/{int:seq}", response=MessageOut, operation_id="messages.one")
def one(request: Any, room: str, seq: int) -> protocol.Message:
    return messages.one(request.actor, room, seq)


@router.patch("/rooms/{room}/messages/{int:seq}", response=ChangedOut, operation_id="messages.edit")
def edit(request: Any, room: str, seq: int, body: EditIn) -> protocol.Changed:
    """Other words for a message of mine."""
    command = {"room": room, "seq": seq, "message": body.message}
    return changes.edit(request.actor, protocol.read(protocol.Edit, command))


@router.delete("/rooms/{room}/messages/{int:seq}", response=ChangedOut, operation_id="messages.delete")
def delete(request: Any, room: str, seq: int) -> protocol.Changed:
    """Take a message back: mine, or for moderators anybody's. Its number stays."""
    return changes.delete(request.actor, protocol.read(protocol.Delete, {"room": room, "seq": seq}))


@router.put("/rooms/{room}/messages/{int:seq}/reactions/{emoji}", response=ChangedOut, operation_id="messages.react")
def react(request: Any, room: str, seq: int, emoji: str) -> protocol.Changed:
    """Answer with an emoji. Twice does nothing more."""
    return changes.react(request.actor, protocol.read(protocol.React, {"room": room, "seq": seq, "emoji": emoji}))


@router.delete(
    "/rooms/{room}/messages/{int:seq}/reactions/{emoji}", response=ChangedOut, operation_id="messages.unreact"
)
def take_back(request: Any, room: str, seq: int, emoji: str) -> protocol.Changed:
    """Take an emoji of mine back."""
    return changes.unreact(request.actor, room, seq, emoji)


@router.put("/rooms/{room}/read", response=ReadOut, operation_id="messages.mark_read")
def mark_read(request: Any, room: str, body: ReadIn) -> protocol.ReadUp:
    """I have read the room up to this message."""
    return reading.mark_read(request.actor, protocol.read(protocol.Read, {"room": room, "seq": body.seq}))
