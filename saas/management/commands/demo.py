"""`conclave demo`: two organisations to look at, with people, rooms and a history. Made once; a second run changes
nothing."""

from typing import Any

from django.core.management.base import BaseCommand

from saas import demo


class Command(BaseCommand):
    help = "Make the demo organisations acme and globex, if they are not there."

    def handle(self, *args: Any, **options: Any) -> None:
        for slug in demo.make():
            self.stdout.write(f"  {slug} is ready")
