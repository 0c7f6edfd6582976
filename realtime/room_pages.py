"""Pages about rooms: which there are, who is in one and how it is looked after, and whom one may write to."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from realtime.chat import conversations, hosting, rooms
from realtime.chat.newcomers import GENERAL
from realtime.protocol import Refused
from realtime.shell import around
from tenants.actor import SignedInRequest
from tenants.roles import may, page

PAGE = 50


@never_cache
@page("rooms.listed")
def browse(request: SignedInRequest) -> HttpResponse:
    """All rooms that one may see and could take part in."""
    text, after = request.GET.get("text", "").replace("\0", "")[:80], request.GET.get("after")
    found = rooms.listed(request.actor, text=text, after=after, limit=PAGE + 1, titled=True)
    context = around(request) | {
        "text": text,
        "paged": bool(after),
        "listed": found[:PAGE],
        "next": found[PAGE - 1].room if len(found) > PAGE else None,
        "may_open": may(request.actor, "rooms.open"),
        "most_title": rooms.MOST_TITLE,
        "most_topic": rooms.MOST_TOPIC,
    }
    return render(request, "realtime/rooms.html", context)


@never_cache
@page("rooms.members")
def about(request: SignedInRequest, room: str) -> HttpResponse:
    """One room: its people, and for whoever looks after it, its settings."""
    actor = request.actor
    try:
        row = rooms.visible(actor, room)
        (here,) = rooms.states(actor, [room])
    except (Refused, ValueError):
        raise Http404 from None
    after = request.GET.get("after", "")
    people = hosting.members(actor, room, after=int(after) if after.isdecimal() else None, limit=PAGE + 1)
    titled = here.people is None
    context = around(request, here) | {
        "people": people[:PAGE],
        "next": people[PAGE - 1].pk if len(people) > PAGE else None,
        "paged": bool(after),
        "already": ",".join(str(person.pk) for person in people),
        "made_by": row.made_by_id,
        "hosts": titled and hosting.is_hosted_by(row, actor),
        "may_invite": titled and here.joined and not here.archived and may(actor, "rooms.invite"),
        "may_leave": here.joined and here.kind != "direct",
        "stays_open": room == GENERAL,
        "most_title": rooms.MOST_TITLE,
        "most_topic": rooms.MOST_TOPIC,
    }
    return render(request, "realtime/room.html", context)


@never_cache
@page("rooms.states")
def messages(request: SignedInRequest) -> HttpResponse:
    """Whom one talks to, and whom one could write to."""
    context = around(request) | {"may_write": may(request.actor, "rooms.direct"), "most": conversations.MOST - 1}
    return render(request, "realtime/messages.html", context)
