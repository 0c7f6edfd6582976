"""The API of sessions: where I am signed in."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema, Status
from pydantic import Field

from tenants.people import sessions

router = Router(tags=["people"])


class BrowserOut(Schema):
    id: int
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime = Field(description="To the minute.")
    current: bool = Field(description="Is it the one that asks?")


class SessionsOut(Schema):
    sessions: list[BrowserOut]


@router.get("/sessions", response=SessionsOut, operation_id="sessions.listed")
def list_sessions(request: Any) -> dict[str, object]:
    """The browsers in which I am signed in, the one used last first."""
    return {"sessions": sessions.listed(request.actor)}


@router.delete("/sessions/{int:session_id}", response={204: None}, operation_id="sessions.end")
def end_session(request: Any, session_id: int) -> Status[None]:
    """Sign that browser out; its sockets close within two seconds."""
    sessions.end(request.actor, session_id)
    return Status(204, None)


@router.delete("/sessions", response={204: None}, operation_id="sessions.end_others")
def end_other_sessions(request: Any) -> Status[None]:
    """Sign out everywhere else."""
    sessions.end_others(request.actor)
    return Status(204, None)
