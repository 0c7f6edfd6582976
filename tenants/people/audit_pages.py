"""The page of the audit log."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from tenants.actor import SignedInRequest
from tenants.people import audit, audit_words
from tenants.people.models import AuditEntry, User
from tenants.roles import page

AT_ONCE = 50


class Day(forms.DateField):
    """One that there may be lines of: further off, calendars and time zones run out of numbers."""

    def __init__(self, *, label: Any) -> None:
        span = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2999, 12, 31))]
        super().__init__(label=label, required=False, validators=span, widget=forms.DateInput({"type": "date"}))


class SearchForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=200, widget=forms.TextInput())
    who = forms.ModelChoiceField(
        label=gettext_lazy("Who"), queryset=User.objects.none(), required=False, empty_label=gettext_lazy("Anybody")
    )
    verb = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    since = Day(label=gettext_lazy("From"))
    until = Day(label=gettext_lazy("To"))
    before = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1, widget=forms.HiddenInput())

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self.fields["who"].queryset = User.objects.order_by("name", "pk")  # type: ignore[attr-defined]
        self.fields["who"].label_from_instance = lambda person: person.name  # type: ignore[attr-defined]
        self.fields["verb"].choices = [("", _("Anything")), *audit_words.kinds()]  # type: ignore[attr-defined]


@never_cache
@page("audit.listed")
def listed(request: SignedInRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    rows = list(audit.listed(request.actor, limit=AT_ONCE + 1, **_asked(form))) if form.is_valid() else []
    context = page_of(rows, form, request.GET.copy())
    return render(request, "tenants/audit.html", context, status=422 if form.errors else 200)


def page_of(rows: list[AuditEntry], form: forms.Form, query: Any) -> dict[str, Any]:
    """What the page shows of these rows, of which one may be too many: then there are older ones."""
    shown = rows[:AT_ONCE]
    query.pop("before", None)
    older, newest = "", query.urlencode()
    if len(rows) > AT_ONCE:
        query["before"] = shown[-1].pk
        older = query.urlencode()
    return {
        "form": form,
        "lines": [(row, audit_words.sentence(row), audit_words.details(row)) for row in shown],
        "older": older,
        "newest": newest,
        "paged": bool(form.data.get("before")),
        "asked": any(value for name, value in form.data.items() if name != "before"),
    }


def _asked(form: SearchForm) -> dict[str, Any]:
    asked = form.cleaned_data
    return {
        "text": asked["text"],
        "who": asked["who"].pk if asked["who"] else None,
        "verb": asked["verb"],
        "since": _midnight(asked["since"]),
        "until": _midnight(asked["until"] and asked["until"] + timedelta(days=1)),
        "before": asked["before"],
    }


def _midnight(day: date | None) -> datetime | None:
    """In the organisation's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None
