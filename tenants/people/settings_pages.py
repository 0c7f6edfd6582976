"""The page of the organisation's settings, and its logo."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tenants.actor import SignedInRequest
from tenants.people import logos, settings
from tenants.people.settings import Shown
from tenants.problems import Problem
from tenants.roles import page

FOR_EVER = "public, max-age=31536000, immutable"  # another picture has another address


class SettingsForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name of the organisation"),
        max_length=settings.LONGEST_NAME,
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("For times in mails and in the audit log. Elsewhere people see their own."),
    )
    email_domains = forms.CharField(
        label=gettext_lazy("E-mail domains"),
        help_text=gettext_lazy("Only addresses of these domains can join; one domain a line. Empty: any address."),
        required=False,
        max_length=13_000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
    )
    default_rooms = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple())
    requires_second_factor = forms.BooleanField(
        label=gettext_lazy("Require a second factor of everybody"),
        help_text=gettext_lazy("Whoever has none is asked to set one up, and can do nothing else before."),
        required=False,
    )

    def __init__(self, given: Any, rooms: list[tuple[str, str]], now: Shown) -> None:
        initial = {
            "name": now.name,
            "time_zone": now.time_zone,
            "email_domains": "\n".join(now.email_domains or ()),
            "default_rooms": now.default_rooms,
            "requires_second_factor": now.requires_second_factor,
        }
        super().__init__(given, initial=initial)
        self.fields["default_rooms"].choices = rooms  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = _by_continent()  # type: ignore[attr-defined]

    def clean_email_domains(self) -> list[str]:
        return str(self.cleaned_data["email_domains"]).split()


@never_cache
@page("settings.change")
def change(request: SignedInRequest) -> HttpResponse:
    actor = request.actor
    now = settings.show(actor)
    given = request.POST if request.method == "POST" else None
    form = SettingsForm(given, settings.public_rooms(actor), now)
    if form.is_valid() and _changed(request, form):
        messages.success(request, _("Saved."))
        return redirect("settings")
    context = {"form": form, "now": now, "most_kib": logos.MOST_BYTES // 1024, "kinds": ", ".join(_MEDIA)}
    return render(request, "tenants/settings.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
@page("settings.set_logo")
def set_logo(request: SignedInRequest) -> HttpResponse:
    upload = request.FILES.get("logo")
    try:
        settings.set_logo(request.actor, upload.read() if upload else b"")
        messages.success(request, _("The logo is changed."))
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("settings")


@never_cache
@require_POST
@page("settings.remove_logo")
def remove_logo(request: SignedInRequest) -> HttpResponse:
    try:
        settings.remove_logo(request.actor)
        messages.success(request, _("The logo is removed."))
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("settings")


@require_safe
def logo(request: HttpRequest, mark: str) -> HttpResponse:
    picture = settings.logo(mark)
    if picture is None:
        raise Http404
    return HttpResponse(picture, content_type="image/png", headers={"Cache-Control": FOR_EVER})


_MEDIA = ("image/png", "image/jpeg", "image/webp")


def _changed(request: SignedInRequest, form: SettingsForm) -> bool:
    try:
        settings.change(request.actor, **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
    except Problem as problem:
        form.add_error("requires_second_factor", problem.detail)
    return not form.errors


def _by_continent() -> list[tuple[str, Any]]:
    """UTC, then the places of each part of the world."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(settings.time_zones() - {"UTC"}):
        part, _slash, place = zone.partition("/")
        parts.setdefault(part, []).append((zone, place.replace("_", " ")))
    return [("UTC", "UTC"), *parts.items()]
