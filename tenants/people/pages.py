"""Pages of people, beside those of allauth: joining by an invitation, one's profile, one's addresses."""

from typing import Any

from allauth.account.utils import perform_login
from allauth.account.views import email as allauth_email
from allauth.core.ratelimit import consume_or_429
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from tenants.actor import SignedInRequest
from tenants.people import joining, profile
from tenants.people.fields import NewPassword
from tenants.people.models import Invitation
from tenants.people.names import LONGEST
from tenants.problems import Problem
from tenants.roles import page, refused


class JoinForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=LONGEST,
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    email = forms.EmailField(label=gettext_lazy("E-mail"), widget=forms.EmailInput({"autocomplete": "email"}))
    password = NewPassword()

    def __init__(self, given: Any, invitation: Invitation) -> None:
        super().__init__(given, initial={"email": invitation.email})
        if invitation.email:  # for this address only; what a browser sends in its place does not count
            self.fields["email"].disabled = True
            self.fields["email"].help_text = _("The invitation was sent to this address.")


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=LONGEST, widget=forms.TextInput({"autocomplete": "name"})
    )
    shows_presence = forms.BooleanField(label=gettext_lazy("Show others when I am online"), required=False)


@never_cache
@sensitive_post_parameters("password")
def join(request: Any, secret: str) -> HttpResponse:
    """Looking at an invitation changes nothing; who posts the form joins, and is signed in with a new session."""
    if request.actor is not None:
        return redirect("/")
    if too_many := consume_or_429(request, action="signup"):
        return too_many  # type: ignore[no-any-return]
    try:
        invitation = joining.find(secret)
        form = JoinForm(request.POST if request.method == "POST" else None, invitation)
        if form.is_valid() and (user := _joined(request, secret, form)):
            return perform_login(request, user, email=user.email)  # type: ignore[no-any-return]
    except Problem as problem:
        return refused(request, problem)
    context = {"form": form, "invitation": invitation}
    return render(request, "tenants/join.html", context, status=422 if form.errors else 200)


def _joined(request: Any, secret: str, form: JoinForm) -> Any:
    """The new person; None if what was written cannot be, which the form then says."""
    try:
        return joining.join(request.organization, secret, **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
    except Problem as problem:
        if problem.code != "already_member":
            raise
        form.add_error("email", problem.detail)
    return None


@never_cache
@page("profile.change")
def own_profile(request: SignedInRequest) -> HttpResponse:
    actor = request.actor
    now = {"name": actor.name, "shows_presence": actor.shows_presence}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=now)
    if form.is_valid():
        try:
            profile.change(actor, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("profile")
        except Problem as problem:
            form.add_error("name", problem.detail)
    context = {"form": form, "actor": actor}
    return render(request, "tenants/profile.html", context, status=422 if form.errors else 200)


def addresses(request: HttpRequest) -> HttpResponseBase:
    """allauth's page of one's addresses. It would let two people sign in with the same one; the table does not."""
    try:
        with transaction.atomic():
            return allauth_email(request)  # type: ignore[no-any-return]
    except IntegrityError:
        messages.error(request, _("Somebody here signs in with this address already."))
        return redirect("account_email")
