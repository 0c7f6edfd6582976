"""The organisation's notices as the hub listens to them."""

from collections.abc import Awaitable, Callable, Mapping

from realtime.notices import notices
from realtime.protocol import encode
from realtime.streams import Missed
from tenants.directory import Space
from tenants.schema import in_public, in_tenant

ALL = ""  # there is one stream


def reader(space: Space) -> Callable[[int], Awaitable[Missed]]:
    """What is read again is for the same people as what was lost."""

    async def read(number: int) -> Missed:
        found, through = await in_tenant(space, notices.missed, space, number)
        only = {notice.changed_seq: frozenset(people) for notice, people in found if people is not None}
        return Missed([(notice.changed_seq, encode(notice)) for notice, _ in found], through, only=only)

    return read


async def heads(streams: Mapping[Space, list[str]]) -> dict[tuple[str, str], int]:
    return await in_public(notices.heads, streams)
