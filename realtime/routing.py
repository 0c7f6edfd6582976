"""Which socket lives where."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from realtime.consumers import Application, Notification, OneRoom
from tenants.doors import Refusal, refuse


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    await refuse(scope, receive, send, Refusal(404, "not_found", "There is no socket at this address."))


sockets = URLRouter(
    [
        path("ws/", Application.as_asgi()),
        path("ws/chat/<str:room>/", OneRoom.as_asgi()),
        path("ws/notification/", Notification.as_asgi()),
        re_path(r"", nowhere),  # type: ignore[arg-type]  # URLRouter takes ASGI applications
    ]
)
