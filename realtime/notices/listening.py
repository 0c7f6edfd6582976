"""The organisation's notices as the hub listens to them."""

from collections.abc import Awaitable, Callable, Mapping

from realtime.notices import notices
from realtime.protocol import encode
from realtime.streams import Missed
from tenants.directory import Space
from tenants.schema import in_public, in_tenant

ALL = ""  # there is one stream


def reader(space: Space) -> Callable[[int], Awaitable[Missed]]:
    async def read(number: int) -> Missed:
        page = await in_tenant(space, notices.since, space, number)
        return Missed([(notice.changed_seq, encode(notice)) for notice in page.notices], page.through)

    return read


async def heads(streams: Mapping[Space, list[str]]) -> dict[tuple[str, str], int]:
    return await in_public(notices.heads, streams)
