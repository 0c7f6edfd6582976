"""The API of presence."""

from typing import Any

from ninja import Router, Schema

from realtime.chat import presence

router = Router(tags=["presence"])


class PresentOut(Schema):
    count: int
    online: list[int] | None


@router.get("/rooms/{room}/presence", response=PresentOut, operation_id="presence.room")
def room_presence(request: Any, room: str) -> presence.Present:
    """Who of this room is online now, by their ids; without them where there are more than 200."""
    return presence.room(request.actor, room)
