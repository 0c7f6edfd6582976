"""Rows of notices as they are told."""

from dataclasses import asdict, dataclass

from realtime import protocol
from realtime.notices.models import Notice
from tenants.directory import Space

OPERATORS = "Conclave"  # who speaks where those do who run the installation

State = Notice.State


def event(row: Notice, space: Space) -> protocol.Notice:
    """A notice that has a number. Of one that was withdrawn nothing is left but that."""
    assert row.seq is not None
    assert row.changed_seq is not None
    gone = row.state == State.WITHDRAWN
    return protocol.Notice(
        seq=row.seq,
        changed_seq=row.changed_seq,
        epoch=space.epoch,
        title="" if gone else row.title,
        message="" if gone else row.body,
        html=None if gone else row.html,
        level=row.level,
        state=row.state,
        needs_ack=row.needs_ack,
        dismissible=row.dismissible,
        expires_at=protocol.moment(row.expires_at) if row.expires_at else None,
        reminder=row.reminded,
        user=author(row),
        user_id=row.author_id or 0,
        at=protocol.moment(row.at),
    )


def author(row: Notice) -> str:
    return row.author.name if row.author else OPERATORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """`targeted`: whom the notice was for when it was published. Of those: delivered to, of them `late`, on pages that
    were opened afterwards; seen by, acknowledged by. `joined_later`: whom it has been delivered to since, who are in
    none of the others."""

    targeted: int = 0
    delivered: int = 0
    late: int = 0
    seen: int = 0
    acknowledged: int = 0
    joined_later: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed(Counts):
    """A notice as its makers see it, whatever has become of it. `progress`: of those it is for, how many have been put
    down while it is being published."""

    id: int
    seq: int | None = None
    state: str
    title: str
    message: str
    html: str | None = None
    level: str
    audience: str
    of: list[int | str]
    needs_ack: bool
    dismissible: bool
    publish_at: str | None = None
    expires_at: str | None = None
    repeats: str
    remind_every: int | None = None
    remind_most: int
    reminded: int
    mail_after: int | None = None
    supersedes: int | None = None
    user: str
    user_id: int
    at: str
    progress: int


def managed(row: Notice, counts: Counts) -> Managed:
    plain = ("id", "seq", "state", "title", "html", "level", "audience", "of", "needs_ack", "dismissible", "repeats")
    about = ("remind_every", "remind_most", "reminded", "mail_after")
    return Managed(
        **asdict(counts),
        **{name: getattr(row, name) for name in (*plain, *about)},
        message=row.body,
        supersedes=row.supersedes_id,
        publish_at=protocol.moment(row.publish_at) if row.publish_at else None,
        expires_at=protocol.moment(row.expires_at) if row.expires_at else None,
        user=author(row),
        user_id=row.author_id or 0,
        at=protocol.moment(row.at),
        progress=row.targeted,
    )
