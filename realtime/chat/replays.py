"""What was missed of a room after a number: for people who come back, and for the hub."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from realtime.chat import rooms, told
from realtime.chat.models import Message
from realtime.protocol import REPLAY_PAGE, Refused, Replay
from tenants import abreast
from tenants.actor import Actor
from tenants.directory import Space
from tenants.gathering import alone
from tenants.roles import require, verb

MOST_REPLAY = 250_000  # characters of text in one replay


@verb("messages.since")
def since(actor: Actor, room: str, number: int) -> Replay:
    """What changed in a room of one's own after `number`. At most 1,000 changes; `complete` on the last."""
    return alone(since_all([Since(actor, room, number)]))


@dataclass(frozen=True, slots=True)
class Since:
    actor: Actor
    room: str
    number: int


def since_all(asked: Sequence[Since]) -> list[Replay | Exception]:
    """The same for people of one organisation who ask at once: who is where is one statement, and what several have
    missed is read once. In the place of what is not granted stands what `since` would raise."""
    standing = rooms.standing({(each.actor.user_id, each.room) for each in asked})
    read: dict[tuple[int, int], Replay] = {}
    return [_answer(each, standing.get((each.actor.user_id, each.room)), read) for each in asked]


def _answer(asked: Since, at: rooms.At | None, read: dict[tuple[int, int], Replay]) -> Replay | Exception:
    try:
        require(asked.actor, "messages.since")
        if at is None:
            raise Refused("not_found", "You are not in this room.")
        if (at.id, asked.number) not in read:
            read[at.id, asked.number] = changes(asked.actor.organization, at, asked.number)
        return read[at.id, asked.number]
    except Exception as error:
        return error


def repair(space: Space, address: str, number: int) -> Replay | None:
    """What the hub missed of a room after `number`, without a person: whoever it delivers to has been let in before.
    None: the room is gone."""
    at = rooms.at(address)
    return changes(space, at, number) if at else None


def changes(space: Space, at: rooms.At, number: int) -> Replay:
    """The room's number has been read first, then come the rows up to it: what commits in between is told by the next
    reading."""
    rows: list[Message] = []
    if number < at.seq:
        changed = Message.objects.filter(room=at.id, changed_seq__gt=number, changed_seq__lte=at.seq)
        rows = list(changed.select_related("author").order_by("changed_seq")[: REPLAY_PAGE + 1])
    kept = _one_frame(rows[:REPLAY_PAGE])
    complete = len(kept) == len(rows)
    return Replay(
        room=at.address,
        messages=[told.message(row, space, at.address) for row in kept],
        through=at.seq if complete else kept[-1].changed_seq,
        epoch=space.epoch,
        complete=complete,
    )


def _one_frame(rows: list[Message]) -> list[Message]:
    """As many of them, and at least one, as make a frame of a reasonable size."""
    size = 0
    for count, row in enumerate(rows):
        size += len(row.body) + len(row.html or "")
        if size > MOST_REPLAY and count:
            return rows[:count]
    return rows


_HEADS = "SELECT {key}, address, seq FROM {schema}.chat_room WHERE address = ANY({asked})"


def heads(addresses: Mapping[Space, list[str]]) -> dict[tuple[str, str], int]:
    """The highest number of each room, by its organisation's key and its address. In the public schema."""
    return {(key, address): seq for key, address, seq in abreast.select(_HEADS, addresses)}
