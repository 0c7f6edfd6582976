"""The public site's pages, and the way in from it: they turn forms into calls of verbs, and problems into sentences."""

from typing import Any

from allauth.account.utils import perform_login
from allauth.core import ratelimit
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from tenants import addresses, jobs, organizations, problems, tickets
from tenants.actor import TenantRequest
from tenants.organizations import SignedUp
from tenants.people import workspaces
from tenants.people.fields import NewPassword
from tenants.people.models import User
from tenants.problems import Problem
from tenants.roles import refused

COOKIE = "__Host-handover" if settings.HTTPS else "handover"


class SignUpForm(forms.Form):
    """What is asked; what counts as an answer is the verb's to say."""

    name = forms.CharField(
        label=gettext_lazy("Name of the organisation"),
        max_length=organizations.LONGEST_NAME,
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    slug = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=40,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    email = forms.CharField(
        label=gettext_lazy("Your e-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "email"})
    )
    password = NewPassword()


class WorkspacesForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "email"})
    )


@never_cache
@sensitive_post_parameters("password")
@transaction.non_atomic_requests  # signing up has a transaction of its own
def welcome(request: Any) -> HttpResponse:
    form = SignUpForm(request.POST if request.method == "POST" else None)
    try:
        if signed_up := _sign_up(request, form):
            return _hand_over(signed_up)
    except Problem as problem:
        return refused(request, problem)
    context = {"form": form, "base_domain": settings.BASE_DOMAIN + settings.PORT_SUFFIX}
    return render(request, "tenants/welcome.html", context, status=422 if form.errors else 200)


def _sign_up(request: TenantRequest, form: SignUpForm) -> SignedUp | None:
    if not form.is_valid():
        return None
    try:
        return organizations.sign_up(**form.cleaned_data, client=request.client_address)
    except addresses.Unavailable as unavailable:
        form.add_error("slug", unavailable.detail)
    except ValidationError as error:
        form.add_error(None, error)
    return None


def _hand_over(signed_up: SignedUp) -> HttpResponse:
    response = HttpResponseRedirect("/handover/", status=303)
    response.set_cookie(
        COOKIE,
        tickets.leave(signed_up.space, signed_up.user_id),
        max_age=tickets.LIFETIME,
        httponly=True,
        samesite="Strict",
        secure=settings.HTTPS,
    )
    return response


@never_cache
@require_safe
def handover(request: HttpRequest) -> HttpResponse:
    """Carries the ticket over to the new space, by a form that a script sends off."""
    found = tickets.fetch(request.COOKIES.get(COOKIE, ""))
    if found is None:
        return refused(request, Problem(400, "late", _("This took too long. Sign in at the address of your space.")))
    context = {"url": f"{found.space.url}/arrive/", "ticket": found.ticket}
    response = render(request, "tenants/handover.html", context)
    # Without an origin the form's POST would be nobody's: with "same-origin" browsers write "Origin: null" on it.
    response["Referrer-Policy"] = "strict-origin"
    return response


@never_cache
@csrf_exempt  # the ticket is the proof, and it comes from the public site's page only
@sensitive_post_parameters("ticket")
def arrive(request: Any) -> HttpResponse:
    """In the new space: a ticket from the public site becomes a session, once."""
    if request.method != "POST":
        return HttpResponseRedirect("/", status=303)
    if request.headers.get("Origin") != settings.PUBLIC_URL:
        return refused(request, Problem(403, "foreign_origin", _("This way in is from the sign-up page only.")))
    user_id = tickets.redeem(request.organization, request.POST.get("ticket", ""))
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return refused(request, Problem(400, "used_ticket", _("This way in works once. Sign in instead.")))
    request.session.flush()  # whoever was signed in here before: the key is new, and nothing is carried over
    response: HttpResponse = perform_login(request, user, email=user.email)
    response.status_code = 303
    return response


@never_cache
def find_workspaces(request: HttpRequest) -> HttpResponse:
    """Answers everybody alike and as fast: who has an account where is looked up by a job, and told by mail.

    An address that is asked for too often gets no more mail for a while, which nobody is told.
    """
    if too_many := ratelimit.consume_or_429(request, action="workspaces"):
        return too_many  # type: ignore[no-any-return]
    form = WorkspacesForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        email = form.cleaned_data["email"].lower()
        if ratelimit.consume(request, action="workspaces_mail", key=email):
            jobs.later(None, workspaces.tell, email=email)
        return redirect("workspaces_sent")
    return render(request, "tenants/workspaces.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
def workspaces_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "tenants/workspaces_sent.html")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    problem = Problem(403, "csrf", _("This form has been open for too long. Reload it and try again."))
    return problems.response(problem) if request.path.startswith("/api/") else refused(request, problem)
