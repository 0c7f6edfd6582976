"""The API of notices."""

from typing import Any

from ninja import Query, Router, Schema, Status
from pydantic import Field

from realtime import protocol
from realtime.notices import notices
from realtime.rest import answered
from tenants.exact import Exact
from tenants.keyset import Newest, cut

router = Router(tags=["notices"])

NoticeOut = answered(protocol.Notice)


class NoticesOut(Schema):
    notices: list[NoticeOut]  # type: ignore[valid-type]
    through: int
    next: int | None = Field(description="What to ask for as `before` to read on; null at the oldest.")


class NoticeIn(Exact):
    message: str
    title: str = ""
    level: str = "info"


@router.get("/notices", response=NoticesOut, operation_id="notices.listed")
def list_notices(request: Any, asked: Query[Newest]) -> dict[str, object]:
    """The newest notices, the oldest of them first."""
    page = notices.listed(request.actor, before=asked.before, limit=asked.limit + 1)
    newest_first, on = cut(reversed(page.notices), asked.limit, lambda notice: notice.seq)
    return {"notices": newest_first[::-1], "through": page.through, "next": on}


@router.post("/notices", response={201: NoticeOut}, operation_id="notices.publish")
def publish(request: Any, body: NoticeIn) -> Status[protocol.Notice]:
    """Tell everybody in the organisation. For admins."""
    return Status(201, notices.publish(request.actor, body.message, body.title, body.level))
