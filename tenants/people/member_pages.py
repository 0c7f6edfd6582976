"""The page of members and what is done on it. Whatever is done comes back to it and says so, also without scripts."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from tenants.actor import Actor, SignedInRequest
from tenants.people import invitations, members
from tenants.people.models import Role, User
from tenants.problems import Problem
from tenants.roles import may, page

AT_ONCE = 50
SPANS = [("1", gettext_lazy("1 day")), ("7", gettext_lazy("7 days")), ("30", gettext_lazy("30 days"))]
NEVER = ("", gettext_lazy("Never"))


class ByMail(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), initial=Role.MEMBER)
    days = forms.TypedChoiceField(label=gettext_lazy("Ends after"), choices=SPANS, initial="7", coerce=int)
    rooms = forms.MultipleChoiceField(
        label=gettext_lazy("Rooms"), required=False, widget=forms.CheckboxSelectMultiple()
    )

    def __init__(self, actor: Actor, given: Any = None) -> None:
        super().__init__(given, auto_id=f"{type(self).__name__.lower()}_%s")
        self.fields["role"].choices = _roles_below(actor)  # type: ignore[attr-defined]
        self.fields["rooms"].choices = invitations.rooms_for(actor)  # type: ignore[attr-defined]


class ByLink(ByMail):
    email = None  # type: ignore[assignment]
    days = forms.TypedChoiceField(
        label=gettext_lazy("Ends after"),
        choices=[*SPANS, NEVER],
        initial="7",
        coerce=int,
        required=False,
        empty_value=None,
    )
    most_uses = forms.IntegerField(
        label=gettext_lazy("For how many people"),
        help_text=gettext_lazy("Leave it empty for any number."),
        min_value=1,
        max_value=invitations.MOST_USES,
        required=False,
        widget=forms.NumberInput({"inputmode": "numeric"}),
    )


@never_cache
@page("members.listed")
def everybody(request: SignedInRequest) -> HttpResponse:
    return _shown(request)


@never_cache
@page("invitations.make")
def invite(request: SignedInRequest) -> HttpResponse:
    """A new link is shown in the answer and nowhere else, so that one is not redirected."""
    if request.method != "POST":
        return redirect("members")
    kind = ByMail if request.POST.get("by") == "mail" else ByLink
    form = kind(request.actor, request.POST)
    if not form.is_valid():
        return _shown(request, form=form)
    try:
        made = invitations.make(request.actor, **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
        return _shown(request, form=form)
    except Problem as problem:
        form.add_error(None if isinstance(form, ByLink) else "email", problem.detail)
        return _shown(request, form=form)
    if made.url:
        return _shown(request, link=made.url)
    messages.success(request, _("The invitation is on its way to %(email)s.") % {"email": made.invitation.email})
    return redirect("members")


@never_cache
@require_POST
@page("invitations.revoke")
def revoke_invitation(request: SignedInRequest, invitation_id: int) -> HttpResponse:
    return _done(request, _("The invitation is revoked."), lambda: invitations.revoke(request.actor, invitation_id))


@never_cache
@require_POST
@page("members.change_role")
def change_role(request: SignedInRequest, user_id: int) -> HttpResponse:
    role = request.POST.get("role", "")
    return _done(request, _("The role is changed."), lambda: members.change_role(request.actor, user_id, role))


@never_cache
@page("members.deactivate")
def deactivate(request: SignedInRequest, user_id: int) -> HttpResponse:
    """Asks first."""
    if request.method == "POST":
        done = _("The account is deactivated; its sessions, tokens and invitations have ended.")
        return _done(request, done, lambda: members.deactivate(request.actor, user_id))
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None:
        raise Problem(404, "not_found", _("There is no such person."))
    return render(request, "tenants/deactivate.html", {"person": person})


@never_cache
@require_POST
@page("members.reactivate")
def reactivate(request: SignedInRequest, user_id: int) -> HttpResponse:
    return _done(request, _("The account is active again."), lambda: members.reactivate(request.actor, user_id))


@never_cache
@page("members.hand_over")
def hand_over(request: SignedInRequest) -> HttpResponse:
    """Asks to whom."""
    if request.method == "POST":
        to = request.POST.get("person", "")
        done = _("You have handed the organisation over; you are an admin now.")
        return _done(request, done, lambda: members.hand_over(request.actor, _number(to)))
    others = [each for each in members.listed(request.actor, limit=1000) if each.pk != request.actor.user_id]
    return render(request, "tenants/hand_over.html", {"people": others})


@never_cache
@page("members.leave")
def leave(request: SignedInRequest) -> HttpResponse:
    """Asks first."""
    problem = None
    if request.method == "POST":
        try:
            members.leave(request.actor)
            return redirect("account_login")
        except Problem as refusal:
            problem = refusal
    context = {"problem": problem, "actor": request.actor}
    return render(request, "tenants/leave.html", context, status=problem.status if problem else 200)


def _shown(request: SignedInRequest, *, form: ByMail | None = None, link: str = "") -> HttpResponse:
    actor = request.actor
    text, after = request.GET.get("text", "")[:200], _number(request.GET.get("after", ""))
    deactivated = "deactivated" in request.GET
    people = members.listed(actor, text=text, after=after or None, limit=AT_ONCE + 1, deactivated=deactivated)
    context: dict[str, Any] = {
        "actor": actor,
        "text": text,
        "deactivated": deactivated,
        "people": people[:AT_ONCE],
        "next": people[AT_ONCE - 1].pk if len(people) > AT_ONCE else None,
        "paged": bool(after),
        "manages": may(actor, "members.change_role"),
        "invites": may(actor, "invitations.make"),
        "hands_over": may(actor, "members.hand_over"),
        "link": link,
    }
    if context["manages"]:
        context["roles"] = [(role, role.label) for role in Role if role != Role.OWNER or actor.is_owner]
    if context["invites"]:
        context["by_mail"] = form if type(form) is ByMail else ByMail(actor)
        context["by_link"] = form if isinstance(form, ByLink) else ByLink(actor)
        context["invitations"] = invitations.listed(actor)
    return render(request, "tenants/members.html", context, status=422 if form else 200)


def _done(request: SignedInRequest, sentence: str, verb: Callable[[], object]) -> HttpResponse:
    """Back to the list, with what has come of it."""
    try:
        verb()
        messages.success(request, sentence)
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("members")


def _roles_below(actor: Actor) -> list[tuple[str, Any]]:
    own = Role(actor.role)
    return [(role.value, role.label) for role in Role if own.at_least(role) and role != Role.OWNER]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0
