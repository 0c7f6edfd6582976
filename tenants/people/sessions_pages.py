"""The page of one's ways in: where one is signed in, and one's tokens."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from tenants.actor import SignedInRequest
from tenants.people import sessions, tokens
from tenants.problems import Problem
from tenants.roles import page


@never_cache
@page("sessions.listed")
def listed(request: SignedInRequest) -> HttpResponse:
    return _shown(request)


@never_cache
@require_POST
@page("sessions.end")
def end(request: SignedInRequest, session_id: int) -> HttpResponse:
    try:
        sessions.end(request.actor, session_id)
        messages.success(request, _("That session is ended."))
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("usersessions_list")


@never_cache
@require_POST
@page("sessions.end_others")
def end_others(request: SignedInRequest) -> HttpResponse:
    count = sessions.end_others(request.actor)
    told = ngettext("%(count)d other session is ended.", "%(count)d other sessions are ended.", count)
    messages.success(request, told % {"count": count})
    return redirect("usersessions_list")


@never_cache
@page("tokens.issue")
def make_token(request: SignedInRequest) -> HttpResponse:
    """A new token is shown in the answer and nowhere else, so that one is not redirected."""
    if request.method != "POST":
        return redirect("usersessions_list")
    try:
        reads_only = request.POST.get("reads_only") == "on"
        _row, text = tokens.issue(request.actor, request.POST.get("name", ""), reads_only=reads_only)
        return _shown(request, token=text)
    except Problem as problem:
        return _shown(request, refused=problem)


@never_cache
@require_POST
@page("tokens.end")
def end_token(request: SignedInRequest, token_id: int) -> HttpResponse:
    try:
        tokens.end(request.actor, token_id)
        messages.success(request, _("The token is ended."))
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("usersessions_list")


def _shown(request: SignedInRequest, *, token: str = "", refused: Problem | None = None) -> HttpResponse:
    places = sessions.listed(request.actor)
    context = {
        "sessions": places,
        "others": any(not place.current for place in places),
        "tokens": tokens.listed(request.actor),
        "token": token,
        "refused": refused,
        "name": request.POST.get("name", "") if refused else "",
    }
    return render(request, "tenants/sessions.html", context, status=refused.status if refused else 200)
