from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "realtime.notices"
    label = "notices"
