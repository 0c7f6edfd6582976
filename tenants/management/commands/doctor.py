"""Looks for what would go wrong later: settings that contradict each other, a pooler that mixes sessions up."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Runs all checks, those that ask the database too. Ends non-zero if one finds an error."
    requires_system_checks: list[str] = []  # noqa: RUF012  (the base class has it so)

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("check", databases=["default"], stdout=self.stdout, stderr=self.stderr)
