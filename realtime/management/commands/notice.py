"""Tells the people of organisations something, from the command line."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from realtime.notices import operating
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice
from realtime.protocol import Refused
from tenants.people.operators import COMMAND_LINE
from tenants.problems import Problem


class Command(BaseCommand):
    help = "Tells the people of organisations something: conclave notice acme globex “Back at noon” --level urgent"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs="+", metavar="slug … text", help="their addresses, and what to say; last")
        parser.add_argument("--all", action="store_true", help="to all organisations: then there are no addresses")
        parser.add_argument("--title", default="")
        parser.add_argument("--level", choices=Notice.Level.values, default=Notice.Level.INFO)
        parser.add_argument("--acknowledge", action="store_true", help="ask everybody to acknowledge it")

    def handle(self, *args: Any, words: list[str], **options: Any) -> None:
        *slugs, text = words
        if options["all"] == bool(slugs):
            raise CommandError("Name the addresses of organisations and then what to say; or --all and what to say.")
        draft = Draft(message=text, title=options["title"], level=options["level"], needs_ack=options["acknowledge"])
        try:
            count = operating.announce(COMMAND_LINE, draft, None if options["all"] else slugs)
        except (Problem, Refused) as refused:
            raise CommandError(refused.detail) from refused
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{count} organisation{'s' if count != 1 else ''} will be told within seconds.")
