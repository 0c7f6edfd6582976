"""The API of people: who I am, who else is here, invitations, my tokens."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import Field

from tenants.actor import Actor
from tenants.exact import Exact
from tenants.keyset import Newest, cut
from tenants.people import invitations, members, profile, tokens
from tenants.people.models import Invitation, Role, Token, User

router = Router(tags=["people"])


class OrganizationOut(Schema):
    name: str
    address: str
    url: str
    epoch: str


class SessionOut(Schema):
    user: str
    user_id: int
    role: str
    email: str
    email_verified: bool
    organization: OrganizationOut


class ProfileIn(Exact):
    name: str | None = None
    shows_presence: bool | None = None


class ProfileOut(Schema):
    user_id: int
    user: str
    shows_presence: bool


class MemberOut(Schema):
    user_id: int
    user: str
    role: Role
    active: bool
    email: str | None = Field(description="For admins only; null for everybody else.")


class MembersOut(Schema):
    members: list[MemberOut]
    next: int | None = Field(description="What to ask for as `after` to read on; null at the end.")


class MembersIn(Schema):
    text: str = Field("", max_length=200)
    after: int | None = Field(None, ge=0, lt=2**63)
    limit: int = Field(200, ge=1, le=1000)
    deactivated: bool = False


class RoleIn(Schema):
    role: Role


class InvitationIn(Exact):
    email: str = Field("", description="Whom to mail it to. Without, a link is made.")
    role: Role = Role.MEMBER
    rooms: list[str] = Field(default_factory=list, description="Addresses of rooms that you see.")
    days: int | None = Field(invitations.DAYS, description="1 to 30; null, for links only: it does not end.")
    most_uses: int | None = Field(None, description="For links: how many people. null: any number.")


class InvitationOut(Schema):
    id: int
    email: str
    role: Role
    rooms: list[str]
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    most_uses: int | None
    uses: int


class NewInvitationOut(InvitationOut):
    url: str | None = Field(description="Told this once. null for a mailed one: only its mail knows it.")


class InvitationsOut(Schema):
    invitations: list[InvitationOut]
    next: int | None = Field(description="What to ask for as `before` to read on; null at the end.")


class TokenIn(Schema):
    name: str
    reads_only: bool = Field(False, description="It lets nothing be done, and sees what members see.")


class TokenOut(Schema):
    id: int
    name: str
    reads_only: bool
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime


class NewTokenOut(TokenOut):
    token: str


class TokensOut(Schema):
    tokens: list[TokenOut]
    next: int | None = Field(description="What to ask for as `before` to read on; null at the end.")


@router.get("/session", response=SessionOut, operation_id="session")
def session(request: Any) -> dict[str, object]:
    """Who is asking, and where. A page asks this to tell "signed out" from "offline"."""
    actor: Actor = request.actor
    space = actor.organization
    return {
        "user": actor.name,
        "user_id": actor.user_id,
        "role": actor.role,
        "email": actor.email,
        "email_verified": actor.email_verified,
        "organization": {"name": space.name, "address": space.address, "url": space.url, "epoch": space.epoch},
    }


@router.patch("/profile", response=ProfileOut, operation_id="profile.change")
def change_profile(request: Any, body: ProfileIn) -> dict[str, object]:
    """One's own name, and whether others see that one is here. What is left out stays as it is."""
    person = profile.change(request.actor, **body.dict())
    return {"user_id": person.pk, "user": person.name, "shows_presence": person.shows_presence}


@router.get("/members", response=MembersOut, operation_id="members.listed")
def list_members(request: Any, asked: Query[MembersIn]) -> dict[str, object]:
    """Who is here, by name; guests are shown whom they share a room with. `deactivated`, for admins: who no more is."""
    found = members.listed(request.actor, **asked.dict() | {"limit": asked.limit + 1})
    people, on = cut(found, asked.limit, lambda person: person.pk)
    return {"members": [_member(request.actor, person) for person in people], "next": on}


@router.patch("/members/{int:user_id}", response=MemberOut, operation_id="members.change_role")
def change_role(request: Any, user_id: int, body: RoleIn) -> dict[str, object]:
    """Another role. Only owners change owners, or make some; the last owner stays one."""
    return _member(request.actor, members.change_role(request.actor, user_id, body.role))


@router.post("/members/{int:user_id}/deactivate", response=MemberOut, operation_id="members.deactivate")
def deactivate(request: Any, user_id: int) -> dict[str, object]:
    """Out: sessions, tokens and invitations of this person end for good, open sockets within two seconds."""
    return _member(request.actor, members.deactivate(request.actor, user_id))


@router.post("/members/{int:user_id}/reactivate", response=MemberOut, operation_id="members.reactivate")
def reactivate(request: Any, user_id: int) -> dict[str, object]:
    """In again, with the same account."""
    return _member(request.actor, members.reactivate(request.actor, user_id))


@router.post("/members/{int:user_id}/hand-over", response=MemberOut, operation_id="members.hand_over")
def hand_over(request: Any, user_id: int) -> dict[str, object]:
    """This person becomes owner; you become an admin."""
    return _member(request.actor, members.hand_over(request.actor, user_id))


@router.post("/members/me/leave", response={204: None}, operation_id="members.leave")
def leave(request: Any) -> Status[None]:
    """Leave the organisation: your account here is deactivated."""
    members.leave(request.actor)
    return Status(204, None)


@router.post("/invitations", response={201: NewInvitationOut}, operation_id="invitations.make")
def invite(request: Any, body: InvitationIn, response: HttpResponse) -> Status[dict[str, object]]:
    """By mail, for one person; or a link, which is in this answer and nowhere else."""
    made = invitations.make(request.actor, **body.dict())
    if made.url:
        response["Cache-Control"] = "no-store"
    return Status(201, _invitation(made.invitation, request.actor.name) | {"url": made.url})


@router.get("/invitations", response=InvitationsOut, operation_id="invitations.listed")
def list_invitations(request: Any, asked: Query[Newest]) -> dict[str, object]:
    """Those that still let somebody in, the newest first."""
    found = invitations.listed(request.actor, before=asked.before, limit=asked.limit + 1)
    rows, on = cut(found, asked.limit, lambda row: row.pk)
    return {"invitations": [_invitation(row, row.made_by.name) for row in rows], "next": on}


@router.delete("/invitations/{int:invitation_id}", response={204: None}, operation_id="invitations.revoke")
def revoke_invitation(request: Any, invitation_id: int) -> Status[None]:
    """Nobody comes in by it any more."""
    invitations.revoke(request.actor, invitation_id)
    return Status(204, None)


@router.get("/tokens", response=TokensOut, operation_id="tokens.listed")
def list_tokens(request: Any, asked: Query[Newest]) -> dict[str, object]:
    """My tokens, the newest first, without their texts."""
    found = tokens.listed(request.actor, before=asked.before, limit=asked.limit + 1)
    rows, on = cut(found, asked.limit, lambda row: row.pk)
    return {"tokens": rows, "next": on}


@router.post("/tokens", response={201: NewTokenOut}, operation_id="tokens.issue")
def issue_token(request: Any, body: TokenIn, response: HttpResponse) -> Status[dict[str, object]]:
    """A new token. Its text is in this answer and nowhere else."""
    row, text = tokens.issue(request.actor, body.name, reads_only=body.reads_only)
    response["Cache-Control"] = "no-store"
    return Status(201, _told(row) | {"token": text})


@router.delete("/tokens/{int:token_id}", response={204: None}, operation_id="tokens.end")
def end_token(request: Any, token_id: int) -> Status[None]:
    tokens.end(request.actor, token_id)
    return Status(204, None)


def _member(actor: Actor, person: User) -> dict[str, object]:
    return {
        "user_id": person.pk,
        "user": person.name,
        "role": person.role,
        "active": person.is_active,
        "email": person.email if actor.is_admin else None,
    }


def _invitation(row: Invitation, made_by: str) -> dict[str, object]:
    fields = ("id", "email", "role", "rooms", "made_at", "expires_at", "most_uses", "uses")
    return {field: getattr(row, field) for field in fields} | {"made_by": made_by}


def _told(row: Token) -> dict[str, object]:
    row.refresh_from_db()  # the database sets created_at
    return TokenOut.from_orm(row).model_dump()
