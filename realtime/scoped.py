"""What runs for an organisation sees the channel layer as that organisation's; and what others wrote may run, too."""

import logging
from typing import Any

from channels.consumer import AsyncConsumer, get_handler_name

from realtime.layers.tenant import current_key
from tenants.doors import Application, Receive, Scope, Send

log = logging.getLogger("conclave.scoped")


def scoped(application: Application) -> Application:
    """An ASGI application for scopes that the door has let in; on the public site the layer refuses every use."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["organization"] is not None:
            current_key.set(scope["organization"].key)
        await application(scope, receive, send)

    return inner


def tolerant(consumer: type[AsyncConsumer]) -> type[AsyncConsumer]:
    """The same consumer of Channels', sync or async, but for events that it has no handler for: they are logged and
    dropped. As it comes it would raise and close the socket, at every event of a newer release."""

    class Tolerant(consumer):  # type: ignore[misc]
        async def dispatch(self, message: dict[str, Any]) -> None:
            if self._knows(message):
                await super().dispatch(message)
            else:
                log.warning("%s has no handler for an event: %.80r", consumer.__name__, message.get("type"))

        def _knows(self, message: dict[str, Any]) -> bool:
            try:
                return callable(getattr(self, get_handler_name(message), None))
            except ValueError:  # no type, or one that names something private
                return False

    return Tolerant
