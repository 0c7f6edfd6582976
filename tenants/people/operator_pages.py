"""The operators' pages on the public host: which organisations there are, suspending and resuming one, and the log."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenants import census, organizations
from tenants.models import Organization
from tenants.people import audit
from tenants.people.audit_pages import AT_ONCE as LINES_AT_ONCE
from tenants.people.audit_pages import page_of
from tenants.people.operators import OperatorRequest, operators_only
from tenants.problems import Problem
from tenants.provisioning import schema_version
from tenants.roles import refused

AT_ONCE = 25
STATES = Organization.State


class SearchForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("Name or address"), required=False, max_length=200)
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    before = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1, widget=forms.HiddenInput())

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self.fields["state"].choices = [("", _("Any")), *STATES.choices]  # type: ignore[attr-defined]


class LogForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("Operator or organisation"), required=False, max_length=200)
    before = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1, widget=forms.HiddenInput())


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("For the operators' log; the organisation does not see it."),
        max_length=500,
        widget=forms.TextInput({"autocomplete": "off"}),
    )


@never_cache
@require_safe
@operators_only
def everything(request: OperatorRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found = census.page(**form.cleaned_data, limit=AT_ONCE + 1) if form.is_valid() else []
    query = request.GET.copy()
    query.pop("before", None)
    newest, older = query.urlencode(), ""
    if len(found) > AT_ONCE:
        query["before"] = str(found[AT_ONCE - 1].id)
        older = query.urlencode()
    context = {
        "form": form,
        "organizations": found[:AT_ONCE],
        "version": schema_version(),
        "newest": newest,
        "older": older,
        "paged": bool(request.GET.get("before")),
        "asked": bool(request.GET.get("text") or request.GET.get("state")),
    }
    return render(request, "tenants/organizations.html", context, status=422 if form.errors else 200)


@never_cache
@operators_only
def suspend(request: OperatorRequest, slug: str) -> HttpResponse:
    """Asks first, and why."""
    return _asked(request, slug, organizations.suspend, "tenants/suspend.html", among=[STATES.ACTIVE])


@never_cache
@operators_only
def resume(request: OperatorRequest, slug: str) -> HttpResponse:
    """Asks first, and why."""
    return _asked(request, slug, organizations.resume, "tenants/resume.html", among=[STATES.SUSPENDED, STATES.DELETING])


@never_cache
@require_safe
@operators_only
def log(request: OperatorRequest) -> HttpResponse:
    form = LogForm(request.GET)
    rows = []
    if form.is_valid():
        asked = form.cleaned_data
        rows = list(audit.searched(asked["text"], pk__lt=asked["before"])[: LINES_AT_ONCE + 1])
    context = page_of(rows, form, request.GET.copy())
    return render(request, "tenants/operators_log.html", context, status=422 if form.errors else 200)


def _asked(
    request: OperatorRequest,
    slug: str,
    verb: Callable[..., object],
    template: str,
    *,
    among: list[STATES],
) -> HttpResponse:
    found = Organization.objects.filter(domains__domain=slug, state__in=among).first()
    if found is None:
        return refused(request, Problem(404, "not_found", _("There is no such organisation in such a state.")))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            verb(slug, request.operator, form.cleaned_data["reason"])
            messages.success(request, _("Done: it takes effect within two seconds."))
        except Problem as problem:  # somebody else was faster
            messages.error(request, problem.detail)
        return redirect("operators")
    context = {"organization": found, "slug": slug, "form": form}
    return render(request, template, context, status=422 if form.errors else 200)
