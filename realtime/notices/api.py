"""The API of notices."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from ninja import Query, Router, Schema, Status
from pydantic import Field

from realtime import protocol
from realtime.notices import notices, publishing, receipts, statistics, told
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice
from realtime.protocol import Receipts
from realtime.rest import answered
from tenants.exact import Exact
from tenants.keyset import Newest, cut

router = Router(tags=["notices"])

Told = answered(protocol.Notice)
ManagedOut = answered(told.Managed)
Number = Field(ge=0, lt=2**53)


class NoticeOut(Told):  # type: ignore[misc, valid-type]
    """The counts are for admins."""

    id: int | None = None
    audience: str | None = None
    targeted: int | None = None
    delivered: int | None = None
    late: int | None = None
    seen: int | None = None
    acknowledged: int | None = None
    joined_later: int | None = None


class PublishedOut(ManagedOut):  # type: ignore[misc, valid-type]
    """Before it is told it has no `seq`: it is a `draft`, `scheduled`, or `publishing` to very many."""

    on: Literal["notice"] = "notice"
    epoch: str
    changed_seq: int | None = None


class StatisticsOut(answered(statistics.Statistics)):  # type: ignore[misc]
    notice: ManagedOut  # type: ignore[valid-type]


class NoticesOut(Schema):
    notices: list[NoticeOut]
    through: int
    next: int | None = Field(description="What to ask for as `before` to read on; null at the oldest.")


class ManagedListOut(Schema):
    notices: list[ManagedOut]  # type: ignore[valid-type]
    next: int | None = Field(description="What to ask for as `before` to read on; null at the oldest.")


class NoticeIn(Exact):
    message: str
    title: str = ""
    level: str = Field("info", description="info, important or urgent; urgent ones are always to be acknowledged.")
    audience: str = Field("everybody", description="everybody, roles, rooms, people, online or missing.")
    of: list[int | str] = Field(
        default=[], description="Roles; addresses of public rooms; ids of people; the id of the notice they miss."
    )
    needs_ack: bool = False
    dismissible: bool = True
    publish_at: datetime | None = Field(None, description="Without a zone: in that of the organisation.")
    expires_at: datetime | None = None
    repeats: str = Field("", description="daily, weekdays, weekly or monthly, from `publish_at` on.")
    remind_every: int | None = Field(None, description="Minutes.")
    remind_most: int = 3
    mail_after: int | None = Field(None, description="Minutes; mail goes to those who have not seen it by then.")
    supersedes: int | None = Field(None, description="The id of a live notice that this one takes the place of.")
    draft: bool = Field(False, description="Only keep it.")
    template: bool = Field(False, description="Keep it, to duplicate: words and people, without times.")


class PreviewOut(Schema):
    html: str | None = Field(None, description="Missing: the words are shown as they are written.")
    people: int


class ReceiptsIn(Exact):
    delivered: list[int] = Field(default=[], max_length=200)
    seen: list[int] = Field(default=[], max_length=200)
    acknowledged: list[int] = Field(default=[], max_length=200)
    unacknowledged: list[int] = Field(default=[], max_length=200, description="Taken back, within five minutes.")


class ResentOut(Schema):
    people: int


class Managing(Newest):
    state: list[Notice.State] = Field(default=[], description="Only those in these states.")


class Reading(Schema):
    after: int | None = Field(None, ge=0, lt=2**63)
    limit: int = Field(100, ge=1, le=1000)


class MissingOut(Schema):
    people: list[answered(statistics.Line)]  # type: ignore[valid-type]
    next: int | None = Field(description="What to ask for as `after` to read on; null at the end.")


@router.get("/notices", response=NoticesOut, operation_id="notices.listed", exclude_unset=True)
def list_notices(request: Any, asked: Query[Newest]) -> dict[str, object]:
    """The newest notices for you, the oldest of them first. Admins see everybody's, with how far each has come."""
    page = notices.listed(request.actor, before=asked.before, limit=asked.limit + 1)
    newest_first, on = cut(reversed(page.notices), asked.limit, lambda notice: notice.seq)
    counted = statistics.known(request.actor, [notice.seq for notice in newest_first])
    told = [{"on": "notice"} | _without_none(notice) | counted.get(notice.seq, {}) for notice in newest_first[::-1]]
    return {"notices": told, "through": page.through, "next": on}


@router.post("/notices", response={201: PublishedOut}, operation_id="notices.publish", exclude_none=True)
def publish(request: Any, body: NoticeIn) -> Status[dict[str, object]]:
    """Tell everybody in the organisation, or those whom you name; now, or at a time. For admins."""
    row = publishing.publish(request.actor, _draft(body), keep=_keep(body))
    return Status(201, _published(request, row))


@router.post("/notices/preview", response=PreviewOut, operation_id="notices.preview", exclude_none=True)
def preview(request: Any, body: NoticeIn) -> dict[str, object]:
    """How a notice would look, and how many people it would be for right now. Nothing is kept."""
    html, people = publishing.preview(request.actor, _draft(body))
    return {"html": html, "people": people}


@router.post("/notices/receipts", response={204: None}, operation_id="notices.mark")
def mark(request: Any, body: ReceiptsIn) -> Status[None]:
    """What you have received, seen and acknowledged, by the notices' `seq`. Twice does nothing more."""
    lists = {name: [number for number in numbers if 0 <= number < 2**53] for name, numbers in body.dict().items()}
    receipts.mark(request.actor, Receipts(**lists))
    return Status(204, None)


@router.get("/notices/managed", response=ManagedListOut, operation_id="notices.managed", exclude_unset=True)
def list_managed(request: Any, asked: Query[Managing]) -> dict[str, object]:
    """All notices, drafts and scheduled and withdrawn ones too; the newest first."""
    found = statistics.managed(request.actor, states=asked.state, before=asked.before, limit=asked.limit + 1)
    kept, on = cut(found, asked.limit, lambda notice: notice.id)
    return {"notices": [_without_none(notice) for notice in kept], "next": on}


@router.get(
    "/notices/{int:notice_id}",
    response=StatisticsOut,
    operation_id="notices.statistics",
    exclude_none=True,
)
def one(request: Any, notice_id: int) -> statistics.Statistics:
    """A notice and how far it has come: counts, times, the course of it."""
    return statistics.statistics(request.actor, notice_id)


@router.put("/notices/{int:notice_id}", response=PublishedOut, operation_id="notices.change", exclude_none=True)
def change(request: Any, notice_id: int, body: NoticeIn) -> dict[str, object]:
    """What is a draft or scheduled is as you say now; without `draft`, it is published or scheduled. A template stays
    one."""
    return _published(request, publishing.change(request.actor, notice_id, _draft(body), keep=_keep(body)))


@router.delete("/notices/{int:notice_id}", response={204: None}, operation_id="notices.discard")
def discard(request: Any, notice_id: int) -> Status[None]:
    """Throw away a draft, a template, or what is scheduled."""
    publishing.discard(request.actor, notice_id)
    return Status(204, None)


@router.post(
    "/notices/{int:notice_id}/withdraw", response=PublishedOut, operation_id="notices.withdraw", exclude_none=True
)
def withdraw(request: Any, notice_id: int) -> dict[str, object]:
    """Take it back: within two seconds it is gone from every page."""
    return _published(request, publishing.withdraw(request.actor, notice_id))


@router.post("/notices/{int:notice_id}/resend", response=ResentOut, operation_id="notices.resend")
def resend(request: Any, notice_id: int) -> dict[str, int]:
    """Remind those who have not acknowledged it, or seen it, now."""
    return {"people": publishing.resend(request.actor, notice_id)}


@router.post(
    "/notices/{int:notice_id}/duplicate",
    response={201: PublishedOut},
    operation_id="notices.duplicate",
    exclude_none=True,
)
def duplicate(request: Any, notice_id: int) -> Status[dict[str, object]]:
    """A draft with the same words for the same people."""
    return Status(201, _published(request, publishing.duplicate(request.actor, notice_id)))


@router.get("/notices/{int:notice_id}/missing", response=MissingOut, operation_id="notices.missing")
def list_missing(request: Any, notice_id: int, asked: Query[Reading]) -> dict[str, object]:
    """Who has not acknowledged it, or seen it."""
    found = statistics.missing(request.actor, notice_id, after=asked.after, limit=asked.limit + 1)
    kept, on = cut(found, asked.limit, lambda line: line.user_id)
    return {"people": kept, "next": on}


@router.get("/notices/{int:notice_id}/receipts", response=MissingOut, operation_id="notices.export")
def export(request: Any, notice_id: int, asked: Query[Reading]) -> dict[str, object]:
    """Everybody it was for and what has become of it with them. The page has the same as CSV."""
    found = statistics.export(request.actor, notice_id, after=asked.after, limit=asked.limit + 1)
    kept, on = cut(found, asked.limit, lambda line: line.user_id)
    return {"people": kept, "next": on}


def _without_none(told: Any) -> dict[str, object]:
    return {name: value for name, value in asdict(told).items() if value is not None}


def _draft(body: NoticeIn) -> Draft:
    given = body.dict(exclude={"draft", "template", "of"})
    return Draft(**given, of=tuple(body.of))


def _keep(body: NoticeIn) -> Notice.State | None:
    return Notice.State.TEMPLATE if body.template else Notice.State.DRAFT if body.draft else None


def _published(request: Any, row: Notice) -> dict[str, object]:
    counted = statistics.counts([row.pk]).get(row.pk, told.Counts())
    more = {"epoch": request.actor.organization.epoch, "changed_seq": row.changed_seq}
    return asdict(told.managed(row, counted)) | more
