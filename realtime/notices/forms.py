"""The form of a notice."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from realtime.notices import audience, clock
from realtime.notices.drafts import MOST_REMINDERS, MOST_TITLE, Draft
from realtime.notices.models import Notice
from tenants.actor import Actor
from tenants.people import settings
from tenants.people.models import User
from tenants.roles import Role

HOUR, DAY = 60, 24 * 60
REMINDERS = (HOUR, 4 * HOUR, DAY, 7 * DAY)
MAILS = (0, 15, HOUR, DAY)
OFFERED = 50  # earlier notices to choose from

Audience = Notice.Audience


class LocalTime(forms.Field):
    """A time of day in the organisation, as it was written: what it means is said by clock.moment."""

    widget = forms.DateTimeInput(format=clock.WRITTEN, attrs={"type": "datetime-local"})

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            return datetime.fromisoformat(str(value)).replace(tzinfo=None, second=0, microsecond=0)
        except ValueError:
            raise forms.ValidationError(_("Write a date and a time.")) from None


class NoticeForm(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("Title"),
        required=False,
        max_length=MOST_TITLE,
        widget=forms.TextInput({"dir": "auto", "autocomplete": "off"}),
    )
    message = forms.CharField(
        label=gettext_lazy("What you have to say"),
        help_text=gettext_lazy("Markdown: **bold**, *italic*, lists, `code`, and addresses become links."),
        strip=False,
        widget=forms.Textarea({"rows": 6, "dir": "auto"}),
    )
    level = forms.ChoiceField(
        label=gettext_lazy("Level"),
        choices=Notice.Level.choices,
        help_text=gettext_lazy("An urgent notice covers the page until it is acknowledged."),
    )
    audience = forms.ChoiceField(label=gettext_lazy("For"), choices=Audience.choices)
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles"), required=False, choices=Role.choices, widget=forms.CheckboxSelectMultiple()
    )
    rooms = forms.MultipleChoiceField(
        label=gettext_lazy("Public rooms"), required=False, widget=forms.CheckboxSelectMultiple()
    )
    missed = forms.TypedChoiceField(label=gettext_lazy("The notice"), required=False, coerce=int, empty_value=None)
    needs_ack = forms.BooleanField(label=gettext_lazy("Ask everybody to acknowledge it"), required=False)
    dismissible = forms.BooleanField(
        label=gettext_lazy("Who has read it may put it away"), required=False, initial=True
    )
    publish_at = LocalTime(label=gettext_lazy("Publish at"), required=False, help_text=gettext_lazy("Empty: at once."))
    expires_at = LocalTime(label=gettext_lazy("Expires at"), required=False, help_text=gettext_lazy("Empty: never."))
    repeats = forms.ChoiceField(label=gettext_lazy("Repeats"), required=False, choices=Notice.Repeats.choices)
    remind_every = forms.TypedChoiceField(
        label=gettext_lazy("Remind those who are missing"), required=False, coerce=int, empty_value=None
    )
    remind_most = forms.IntegerField(
        label=gettext_lazy("At most so many times"), required=False, min_value=1, max_value=MOST_REMINDERS, initial=3
    )
    mail_after = forms.TypedChoiceField(
        label=gettext_lazy("Mail to those who have not seen it"), required=False, coerce=int, empty_value=None
    )
    supersedes = forms.TypedChoiceField(
        label=gettext_lazy("Takes the place of"), required=False, coerce=int, empty_value=None
    )

    def __init__(self, given: Any, actor: Actor, row: Notice | None = None) -> None:
        super().__init__(given, initial=_initial(row) if row else {"audience": Audience.EVERYBODY})
        offer: dict[str, Any] = dict(self.fields)
        offer["rooms"].choices = settings.public_rooms(actor)
        told = Notice.objects.exclude(seq=None).order_by("-pk")
        asked = told.filter(needs_ack=True)[:OFFERED]
        offer["missed"].choices = [("", "—"), *((each.pk, named(each)) for each in asked)]
        live = told.filter(state=Notice.State.LIVE)[:OFFERED]
        offer["supersedes"].choices = [("", _("None")), *((each.pk, named(each)) for each in live)]
        reminded, mailed = (row.remind_every, row.mail_after) if row else (None, None)
        offer["remind_every"].choices = [("", _("Never")), *_intervals(REMINDERS, reminded, _("every %s"))]
        offer["mail_after"].choices = [("", _("Never")), *_intervals(MAILS, mailed, _("after %s"))]
        self.people = _people(self)

    def draft(self) -> Draft:
        """What is wanted, of a form that is valid."""
        said = self.cleaned_data
        of = {
            Audience.ROLES: said["roles"],
            Audience.ROOMS: said["rooms"],
            Audience.PEOPLE: [person.pk for person in self.people],
            Audience.MISSING: [said["missed"]] if said["missed"] else [],
        }
        return Draft(
            message=said["message"].replace("\r\n", "\n"),
            title=said["title"],
            level=said["level"],
            audience=said["audience"],
            of=tuple(of.get(said["audience"], [])),
            needs_ack=said["needs_ack"],
            dismissible=said["dismissible"],
            publish_at=said["publish_at"],
            expires_at=said["expires_at"],
            repeats=said["repeats"],
            remind_every=said["remind_every"],
            remind_most=said["remind_most"] or 3,
            mail_after=said["mail_after"],
            supersedes=said["supersedes"],
        )


def named(row: Notice) -> str:
    words = row.title or row.body.partition("\n")[0]
    return words if len(words) <= 60 else f"{words[:59]}…"


def _people(form: NoticeForm) -> list[User]:
    """Who is chosen so far, as the page shows them: each with a box that is ticked."""
    given = form.data.getlist("people") if isinstance(form.data, QueryDict) else form.initial.get("people", [])
    ids = [int(each) for each in given if str(each).isdecimal() and len(str(each)) < 16]
    return list(User.objects.filter(pk__in=ids[: audience.MOST], is_active=True).order_by("name", "pk"))


def _initial(row: Notice) -> dict[str, Any]:
    where = clock.zone()
    local = {
        name: at.astimezone(where).replace(tzinfo=None)
        for name in ("publish_at", "expires_at")
        if (at := getattr(row, name)) is not None
    }
    plain = ("title", "level", "audience", "needs_ack", "dismissible", "repeats", "remind_every", "mail_after")
    kinds = {Audience.ROLES: "roles", Audience.ROOMS: "rooms", Audience.PEOPLE: "people"}
    chosen: dict[str, Any] = {name: row.of for kind, name in kinds.items() if row.audience == kind}
    missed = {"missed": row.of[0]} if row.audience == Audience.MISSING and row.of else {}
    return (
        {name: getattr(row, name) for name in plain}
        | {"message": row.body, "remind_most": row.remind_most or 3, "supersedes": row.supersedes_id}
        | local
        | chosen
        | missed
    )


def _intervals(offered: tuple[int, ...], known: int | None, words: str) -> list[tuple[int, str]]:
    every = sorted({*offered, *([known] if known is not None else [])})
    return [(minutes, words % _span(minutes) if minutes else _("at once")) for minutes in every]


def _span(minutes: int) -> str:
    if minutes % DAY == 0:
        return ngettext("%(days)d day", "%(days)d days", minutes // DAY) % {"days": minutes // DAY}
    if minutes % HOUR == 0:
        return ngettext("%(hours)d hour", "%(hours)d hours", minutes // HOUR) % {"hours": minutes // HOUR}
    return ngettext("%(minutes)d minute", "%(minutes)d minutes", minutes) % {"minutes": minutes}
