"""Conclave's doors, with the tutorial's consumers behind them. For tests/altered.py."""

import json

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import path

import saas.asgi  # sets Django up

# isort: split
from realtime.scoped import scoped, tolerant
from saas.health import health
from tenants.doors import Door
from tenants.requests import Requests
from tests.altered import serve
from tests.realtime.tutorial import AsyncChatConsumer, ChatConsumer


class Any(AsyncWebsocketConsumer):
    """Sends whatever event it is given to the room's group, and answers when the layer has it."""

    async def receive(self, text_data):
        room = self.scope["url_route"]["kwargs"]["room_name"]
        await self.channel_layer.group_send(f"chat_{room}", json.loads(text_data))
        await self.send(text_data="{}")


class Spoiling(AsyncChatConsumer):
    """Changes the event that it is handed."""

    async def chat_message(self, event):
        event["message"] += "!"
        await super().chat_message(event)


consumers = {"sync": ChatConsumer, "async": AsyncChatConsumer, "spoiling": Spoiling}
sockets = URLRouter(
    [path(f"ws/{name}/<str:room_name>/", tolerant(each).as_asgi()) for name, each in consumers.items()]
    + [path("ws/any/<str:room_name>/", Any.as_asgi())]
)

if __name__ == "__main__":
    assert saas.asgi.application
    serve(Door(http=scoped(Requests()), websocket=scoped(sockets), health=health))
