"""What runs for an organisation sees the channel layer as that organisation's."""

from realtime.layers.tenant import current_key
from tenants.doors import Application, Receive, Scope, Send


def scoped(application: Application) -> Application:
    """An ASGI application for scopes that the door has let in; on the public site the layer refuses every use."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["organization"] is not None:
            current_key.set(scope["organization"].key)
        await application(scope, receive, send)

    return inner
