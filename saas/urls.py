"""An organisation's site."""

from django.urls import include, path

from realtime import pages, room_pages
from realtime.api import api
from tenants.pages import arrive

urlpatterns = [
    path("", pages.home, name="home"),
    path("chat/", pages.chat, name="chat"),
    path("chat/<str:room>/", pages.chat_room, name="chat_room"),
    path("chat/<str:room>/<int:seq>/", pages.chat_message, name="chat_message"),
    path("rooms/", room_pages.browse, name="rooms"),
    path("rooms/<str:room>/", room_pages.about, name="room"),
    path("messages/", room_pages.messages, name="messages"),
    path("arrive/", arrive, name="arrive"),
    path("api/v1/", api.urls),
    path("", include("tenants.people.urls")),
]
