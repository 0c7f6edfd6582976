"""What the templates of rooms ask for."""

from django import template

from realtime.protocol import RoomState
from realtime.shell import name_of as _name_of

SHOWN_AT_MOST = 99

register = template.Library()


@register.filter
def name_of(state: RoomState) -> str:
    return _name_of(state)


@register.filter
def meant(state: RoomState) -> int:
    """How often this person is meant: in a conversation between two, by everything."""
    return state.unread if state.kind == "direct" else state.mentions


@register.filter
def counted(number: int) -> str:
    return str(number) if number <= SHOWN_AT_MOST else f"{SHOWN_AT_MOST}+"
