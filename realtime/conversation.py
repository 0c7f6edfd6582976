"""What the page of a room shows of what is said there: the newest messages, or those around one of them."""

from dataclasses import fields

from django.utils.translation import gettext as _

from realtime import protocol
from realtime.chat import messages, rooms
from realtime.protocol import RoomState
from tenants.actor import Actor
from tenants.roles import may

AROUND = 30  # messages on either side of one that a permalink names
EMOJIS = ("👍", "❤️", "😂", "🎉", "😮", "🙏")

# The browser clones the server's own template of a message; this is what it is drawn with then.
BLANK = {field.name: "" for field in fields(protocol.Message)}


def shown(actor: Actor, here: RoomState, seq: int | None) -> dict[str, object]:
    """The context of realtime/_conversation.html, in a room of one's own; with `seq`, around that message.

    `through` is read first: what changes while the rest is read, the page is told again. Raises Refused: not_found.
    """
    history, through, more, newer = _newest(actor, here.room) if seq is None else _around(actor, here.room, seq)
    may_announce = may(actor, "rooms.announce") or rooms.visible(actor, here.room).made_by_id == actor.user_id
    return {
        "history": history,
        "through": through,
        "more": more,
        "newer": newer,
        "target": seq,
        "closed": _why_closed(here, may_announce=may_announce),
        "may_announce": may_announce,
        "may_moderate": may(actor, "messages.moderate"),
        "emojis": EMOJIS,
        "blank": BLANK,
        "blank_reaction": protocol.Reaction(emoji="", users=[]),
    }


History = tuple[list[protocol.Message], int, bool, bool]


def _newest(actor: Actor, room: str) -> History:
    history, through, more = messages.page(actor, room)
    return history, through, more, False


def _around(actor: Actor, room: str, seq: int) -> History:
    target = messages.one(actor, room, seq)
    before, through, more = messages.page(actor, room, before=seq, limit=AROUND)
    after, _through, newer = messages.page(actor, room, after=seq, limit=AROUND)
    return [*before, target, *after], through, more, newer


def _why_closed(here: RoomState, *, may_announce: bool) -> str:
    if here.archived:
        return _("This room is archived. It can be read, and nothing more is said in it.")
    if here.announcements and not may_announce:
        return _("This room is for announcements: only its maker and moderators write here.")
    return ""
