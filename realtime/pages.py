"""The pages of an organisation's site. What they show comes from the same verbs as everything else."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from realtime import conversation
from realtime.chat import messages, rooms
from realtime.chat.newcomers import GENERAL
from realtime.notices import notices
from realtime.protocol import Refused, RoomState
from realtime.shell import around
from tenants.actor import SignedInRequest
from tenants.roles import may, page


@never_cache
@page("notices.listed")
def home(request: SignedInRequest) -> HttpResponse:
    actor = request.actor
    context = around(request) | {
        "notices": notices.latest(actor.organization, actor.user_id).notices[::-1],
        "may_invite": may(actor, "invitations.make") and actor.email_verified,
        "may_announce": may(actor, "notices.publish"),
    }
    return render(request, "realtime/home.html", context)


@never_cache
@page("rooms.states")
def chat(request: SignedInRequest) -> HttpResponse:
    """Takes people to a room of theirs; who is in none is shown which there are."""
    own = [state.room for state in rooms.states(request.actor) if state.joined and not state.archived]
    if own:
        return redirect("chat_room", GENERAL if GENERAL in own else own[0])
    return redirect("rooms")


@never_cache
@page("messages.page")
def chat_room(request: SignedInRequest, room: str) -> HttpResponse:
    found = rooms.states(request.actor, [room])
    if not found:
        raise Http404
    return _render_chat(request, found[0])


@never_cache
@page("messages.one")
def chat_message(request: SignedInRequest, room: str, seq: int) -> HttpResponse:
    """A permalink: the room around this message."""
    try:
        messages.one(request.actor, room, seq)
    except Refused:
        raise Http404 from None
    (here,) = rooms.states(request.actor, [room])
    return _render_chat(request, here, seq)


def _render_chat(request: SignedInRequest, here: RoomState, seq: int | None = None) -> HttpResponse:
    said = conversation.shown(request.actor, here, seq) if here.joined else {}
    return render(request, "realtime/chat.html", around(request, here) | said)
