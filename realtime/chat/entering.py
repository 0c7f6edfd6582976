"""Coming into rooms, to hear them: one statement for all who come at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from realtime.chat import rooms
from tenants.actor import Actor
from tenants.roles import require


@dataclass(frozen=True, slots=True)
class Wish:
    """`joins`: to become a member where they are not one yet."""

    actor: Actor
    addresses: Sequence[str]
    joins: bool = False


def enter_all(wishes: Sequence[Wish]) -> list[Mapping[str, int] | Exception]:
    """Of people of one organisation: for each the rooms that they are in now, with the number where each stands.

    Who wishes to join a room that they may not see has Refused not_found in that place. Left out are rooms that they
    are not in, or that are archived and cannot be joined any more.
    """
    standing = rooms.standing({(wish.actor.user_id, address) for wish in wishes for address in wish.addresses})
    return [_answer(wish, standing) for wish in wishes]


def _answer(wish: Wish, standing: Mapping[tuple[int, str], rooms.At]) -> Mapping[str, int] | Exception:
    try:
        require(wish.actor, "rooms.own")
        found = {address: standing.get((wish.actor.user_id, address)) for address in wish.addresses}
        entered = {address: at.seq for address, at in found.items() if at is not None}
        new = [address for address, at in found.items() if at is None]
        if wish.joins and new:
            for address in new:
                rooms.visible(wish.actor, address)
            entered |= {room.address: room.seq for room in rooms.join(wish.actor, new)}
        return entered
    except Exception as error:
        return error
