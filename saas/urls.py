"""An organisation's site."""

from django.urls import include, path

from realtime import notice_pages, pages, room_pages
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
    path("notices/", notice_pages.listed, name="notices"),
    path("notices/acknowledge/", notice_pages.acknowledge, name="acknowledge_notice"),
    path("notices/new/", notice_pages.compose, name="notice_new"),
    path("notices/manage/", notice_pages.managed, name="notices_managed"),
    path("notices/manage/<int:notice_id>/", notice_pages.one, name="notice"),
    path("notices/manage/<int:notice_id>/change/", notice_pages.change, name="notice_change"),
    path("notices/manage/<int:notice_id>/receipts.csv", notice_pages.export, name="notice_receipts"),
    path("notices/manage/<int:notice_id>/withdraw/", notice_pages.withdraw, name="withdraw_notice"),
    path("notices/manage/<int:notice_id>/resend/", notice_pages.resend, name="resend_notice"),
    path("notices/manage/<int:notice_id>/duplicate/", notice_pages.duplicate, name="duplicate_notice"),
    path("notices/manage/<int:notice_id>/discard/", notice_pages.discard, name="discard_notice"),
    path("arrive/", arrive, name="arrive"),
    path("api/v1/", api.urls),
    path("", include("tenants.people.urls")),
]
