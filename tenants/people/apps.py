from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "tenants.people"
    label = "people"

    def ready(self) -> None:
        from tenants.people import endings, workspaces  # noqa: F401  (connects their receivers)
