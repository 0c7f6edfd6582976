"""What stands around every page of the chat: the rooms of the one who looks, in sections, with what is unread."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from realtime.chat import rooms
from realtime.protocol import Person, RoomState
from tenants.actor import SignedInRequest


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str | Promise
    rooms: list[RoomState]


SECTIONS: dict[str, str | Promise] = {
    "public": gettext_lazy("Rooms"),
    "private": gettext_lazy("Private"),
    "conversations": gettext_lazy("Conversations"),
    "archived": gettext_lazy("Archived"),
}


def _blank(kind: str, *others: int) -> RoomState:
    people = [Person(user_id=other, user="") for other in others] if kind in ("direct", "group") else None
    return RoomState(room="", title="", seq=0, joined=True, kind=kind, people=people)


# The browser clones the server's own template of a room in the list; this is what it is drawn with then.
BLANKS = {
    "public": _blank("public"),
    "private": _blank("private"),
    "direct": _blank("direct", 0),
    "oneself": _blank("direct"),
    "group": _blank("group"),
}


def around(request: SignedInRequest, here: RoomState | None = None) -> dict[str, object]:
    """The context of realtime/shell.html. `here`: the room that the page is about."""
    actor = request.actor
    own = sorted((state for state in rooms.states(actor) if state.joined), key=lambda state: name_of(state).casefold())
    return {
        "organization": actor.organization,
        "actor": actor,
        "sections": sections(own),
        "in_no_room": not own,
        "room": here,
        "title": name_of(here) if here else "",
        "blanks": BLANKS,
    }


def sections(states: Iterable[RoomState]) -> list[Section]:
    """All of them, also those that are empty: the browser fills them when something comes."""
    found: dict[str, list[RoomState]] = {name: [] for name in SECTIONS}
    for state in states:
        found[section_of(state)].append(state)
    return [Section(name, title, found[name]) for name, title in SECTIONS.items()]


def section_of(state: RoomState) -> str:
    if state.archived:
        return "archived"
    return state.kind if state.kind in SECTIONS else "conversations"


def name_of(state: RoomState) -> str:
    """A room's title; of a conversation, who else is in it."""
    if state.people is None:
        return state.title
    return ", ".join(person.user for person in state.people) or _("Only you")
