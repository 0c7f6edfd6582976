"""The API of the organisation itself: its settings, its logo, its audit log."""

from typing import Any

from django.urls import reverse
from ninja import Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from tenants.exact import Exact
from tenants.keyset import Newest, cut
from tenants.people import audit, logos, settings
from tenants.people.models import AuditEntry
from tenants.people.settings import Shown

router = Router(tags=["organisation"])

HIDDEN = "For admins only; null for everybody else."
UPLOAD = {
    "requestBody": {
        "required": True,
        "description": f"A PNG, JPEG or WebP picture of at most {logos.MOST_BYTES} bytes and {logos.MOST_PIXELS} pixels"
        " on either side.",
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class SettingsOut(Schema):
    name: str
    time_zone: str
    requires_second_factor: bool
    logo: str | None = Field(description="Where the picture is, from the root of this host.")
    default_rooms: list[str] | None = Field(description=HIDDEN)
    email_domains: list[str] | None = Field(description=HIDDEN)


class SettingsIn(Exact):
    name: str | None = None
    time_zone: str | None = Field(None, description="A name of the tz database, like Europe/Berlin.")
    default_rooms: list[str] | None = Field(None, description="Addresses of public rooms.")
    email_domains: list[str] | None = Field(None, description="Empty: any address can join.")
    requires_second_factor: bool | None = None


class AuditIn(Newest):
    text: str = Field("", max_length=200, description="In the names of who and whom.")
    who: int | None = Field(None, ge=0, lt=2**63)
    verb: str = Field("", max_length=40, pattern=r"^[a-z_.]*$")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = Field(None, description="Not included.")


class LineOut(Schema):
    id: int
    at: AwareDatetime
    user_id: int | None
    user: str = Field(description="As they were called then.")
    verb: str
    whom: str
    detail: dict[str, Any]
    client_address: str


class AuditOut(Schema):
    lines: list[LineOut]
    next: int | None = Field(description="What to ask for as `before` to read on; null at the end.")


@router.get("/settings", response=SettingsOut, operation_id="settings.show")
def show_settings(request: Any) -> dict[str, object]:
    """What the organisation has decided for itself."""
    return _told(settings.show(request.actor))


@router.patch("/settings", response=SettingsOut, operation_id="settings.change")
def change_settings(request: Any, body: SettingsIn) -> dict[str, object]:
    """What is left out stays as it is."""
    return _told(settings.change(request.actor, **body.dict()))


@router.put("/settings/logo", response=SettingsOut, operation_id="settings.set_logo", openapi_extra=UPLOAD)
def set_logo(request: Any) -> dict[str, object]:
    """The body is the picture itself."""
    upload = request.read(logos.MOST_BYTES + 1)  # beside Django's limit, which is for forms and JSON
    return _told(settings.set_logo(request.actor, upload))


@router.delete("/settings/logo", response={204: None}, operation_id="settings.remove_logo")
def remove_logo(request: Any) -> Status[None]:
    settings.remove_logo(request.actor)
    return Status(204, None)


@router.get("/audit", response=AuditOut, operation_id="audit.listed")
def list_audit(request: Any, asked: Query[AuditIn]) -> dict[str, object]:
    """Who did what to whom, when and from where; the newest first."""
    found = audit.listed(request.actor, **asked.dict() | {"limit": asked.limit + 1})
    rows, on = cut(found, asked.limit, lambda row: row.pk)
    return {"lines": [_line(row) for row in rows], "next": on}


def _told(now: Shown) -> dict[str, object]:
    return {
        "name": now.name,
        "time_zone": now.time_zone,
        "requires_second_factor": now.requires_second_factor,
        "logo": reverse("logo", args=[now.logo_mark]) if now.logo_mark else None,
        "default_rooms": now.default_rooms,
        "email_domains": now.email_domains,
    }


def _line(row: AuditEntry) -> dict[str, object]:
    return {
        "id": row.pk,
        "at": row.at,
        "user_id": row.who_id,
        "user": row.name,
        "verb": row.what,
        "whom": row.whom,
        "detail": row.detail,
        "client_address": row.client_address,
    }
