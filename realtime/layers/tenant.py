"""The layer that consumers see: bound to the organisation in whose name the code runs, over any other layer.

Two locks keep organisations apart. The names of groups carry the organisation's key, so that equal names do not meet;
and every event carries it as well, so that a channel returns what its own organisation has sent and nothing else,
whatever name somebody has got hold of.
"""

import hashlib
import logging
import re
from contextvars import ContextVar
from typing import Any, ClassVar

from channels.layers import channel_layers

from realtime.layers.names import require_channel, require_group

logger = logging.getLogger(__name__)

Message = dict[str, Any]

current_key: ContextVar[str] = ContextVar("current_key")
"""The organisation's key, ten ASCII letters and digits that never change; the door sets it for all that runs below."""

SENT_BY = "__organization__"

# channels-postgres stores eleven characters more in a column of a hundred.
LONGEST = 89

_KEY = re.compile(r"[a-z0-9]{10}", re.ASCII | re.IGNORECASE)


class NoOrganization(RuntimeError):
    """The layer was used by code that runs for no organisation."""


class NotYours(RuntimeError):
    """The layer was asked for something that is not the organisation's own."""


class TenantChannelLayer:
    """What the inner layer promises, for one organisation. Not a BaseChannelLayer, for not every inner layer is one."""

    extensions: ClassVar = ["groups"]

    def __init__(self, inner: str = "wire", closed_by: str = "") -> None:
        self._inner = inner
        self._closed_by = closed_by

    async def new_channel(self) -> str:
        # No prefix is handed down: channels-redis reads one prefix per process, and others would wait for ever.
        key = _key()
        return _mark(key) + str(await self._layer().new_channel())

    async def send(self, channel: str, message: Message) -> None:
        key = _key()
        await self._layer().send(_own(key, channel), _signed(key, message))

    async def receive(self, channel: str) -> Message:
        """Every receiver gets a copy of its own: some layers hand one object to all members of a group."""
        key = _key()
        inner = _own(key, channel)
        while True:
            message = await self._layer().receive(inner)
            if message.get(SENT_BY) == key:
                return {name: _copy(value) for name, value in message.items() if name != SENT_BY}
            logger.error("An event of another organisation was kept from %s.", channel)

    async def group_add(self, group: str, channel: str) -> None:
        key = _key()
        await self._layer().group_add(scoped(key, group), _own(key, channel))

    async def group_discard(self, group: str, channel: str) -> None:
        key = _key()
        await self._layer().group_discard(scoped(key, group), _own(key, channel))

    async def group_send(self, group: str, message: Message) -> None:
        key = _key()
        await self._layer().group_send(scoped(key, group), _signed(key, message))

    async def flush(self) -> None:
        raise NotYours("flush() would empty the layer of all organisations: call it on the inner layer.")

    async def close(self) -> None:
        """Ends the inner layer's connections in the running event loop."""
        if self._closed_by:
            await getattr(self._layer(), self._closed_by)()

    def _layer(self) -> Any:
        # Looked up at each use: the manager replaces its layers when settings change.
        return channel_layers[self._inner]


def scoped(key: str, group: str) -> str:
    """The group's name on the inner layer: different for different organisations and groups, and never too long."""
    require_group(group)
    name = _mark(key) + group
    if len(name) <= LONGEST:
        return name
    # Another mark, so that no short name can be that of a long one.
    return f"h.{key}.{hashlib.sha256(group.encode()).hexdigest()}"


def _key() -> str:
    key = current_key.get("")
    if not _KEY.fullmatch(key):
        raise NoOrganization("The channel layer was used outside any organisation: set current_key first.")
    return key


def _mark(key: str) -> str:
    return f"t.{key}."


def _own(key: str, channel: str) -> str:
    """The channel's name on the inner layer."""
    require_channel(channel)
    if not channel.startswith(_mark(key)):
        raise NotYours(f"{channel} is not a channel of this organisation: use a name that new_channel() returned.")
    return channel.removeprefix(_mark(key))


def _signed(key: str, message: Message) -> Message:
    if not isinstance(message, dict):
        raise TypeError(f"A message is a dict, not {type(message).__name__}.")
    return {**message, SENT_BY: key}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
