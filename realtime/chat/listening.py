"""A room as the hub listens to it: what was missed after a number, and how far the database is."""

from collections.abc import Awaitable, Callable, Mapping

from realtime.chat import replays, told
from realtime.protocol import encode
from realtime.streams import Missed
from tenants.directory import Space
from tenants.schema import in_public, in_tenant


def reader(space: Space, address: str) -> Callable[[int], Awaitable[Missed]]:
    had: int | None = None  # by those who listen, before a repair that takes several readings

    async def read(number: int) -> Missed:
        nonlocal had
        replay = await in_tenant(space, replays.repair, space, address, number)
        if replay is None:
            return Missed([], number)
        had = number if had is None else min(had, number)
        texts = [(message.changed_seq, encode(told.as_heard(message, had))) for message in replay.messages]
        if replay.complete:
            had = None
        return Missed(texts, replay.through, replay.complete)

    return read


async def heads(addresses: Mapping[Space, list[str]]) -> dict[tuple[str, str], int]:
    return await in_public(replays.heads, addresses)
