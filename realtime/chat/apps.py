from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "realtime.chat"
    label = "chat"

    def ready(self) -> None:
        from realtime.chat import departures, introductions, newcomers  # noqa: F401  (connects their receivers)
