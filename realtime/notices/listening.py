"""The organisation's notices as the hub listens to them."""

from collections.abc import Awaitable, Callable

from realtime.notices import notices
from realtime.protocol import encode
from realtime.streams import Missed
from tenants.directory import Space
from tenants.schema import in_tenant

ALL = ""  # there is one stream


def reader(space: Space) -> Callable[[int], Awaitable[Missed]]:
    async def read(number: int) -> Missed:
        page = await in_tenant(space, notices.since, space, number)
        return Missed([(notice.changed_seq, encode(notice)) for notice in page.notices], page.through)

    return read


async def heads(space: Space, names: list[str]) -> dict[str, int]:
    return await in_tenant(space, notices.heads, names)
