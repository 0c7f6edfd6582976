"""Operators' hand on organisations: list, suspend, resume, delete."""

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import census, organizations
from tenants.problems import Problem


class Command(BaseCommand):
    help = "Lists organisations; suspends, resumes or deletes one."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        listing = what.add_parser("list", help="all organisations, with what there is of each")
        listing.add_argument("--json", action="store_true", help="one JSON list instead of a table")
        for name, meaning in {
            "suspend": "keep its people out; nothing is lost",
            "resume": "let them in again; also takes back a deletion within its grace period",
            "delete": "keep its people out and erase everything of it when 30 days are over",
        }.items():
            what.add_parser(name, help=meaning).add_argument("slug", help="its address under the base domain")
        what.choices["delete"].add_argument("--at-once", action="store_true", help="erase now, without grace period")
        what.choices["delete"].add_argument("--yes", action="store_true", help="do not ask before erasing")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        try:
            getattr(self, f"_{what}")(**{name: options.get(name) for name in ("json", "slug", "at_once", "yes")})
        except Problem as problem:
            raise CommandError(problem.detail) from problem

    def _list(self, *, json: bool, **_: Any) -> None:
        entries = list(census.take())
        self.stdout.write(_as_json(entries) if json else _as_table(entries))

    def _suspend(self, *, slug: str, **_: Any) -> None:
        organizations.suspend(slug)
        self.stdout.write(f"{slug} is suspended.")

    def _resume(self, *, slug: str, **_: Any) -> None:
        organizations.resume(slug)
        self.stdout.write(f"{slug} is active.")

    def _delete(self, *, slug: str, at_once: bool, yes: bool, **_: Any) -> None:
        if at_once and not yes:
            self._require_confirmation(slug)
        row = organizations.delete(slug, at_once=at_once)
        if at_once:
            time.sleep(organizations.LETTING_GO.total_seconds())
            organizations.erase(row.pk)
            self.stdout.write(f"{slug} is erased. Its address stays taken for {organizations.RETIRED_FOR.days} days.")
        else:
            self.stdout.write(
                f"{slug} is closed. On {row.delete_after:%Y-%m-%d} it is erased; before, resume brings it back."
            )

    def _require_confirmation(self, slug: str) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Erasing cannot be taken back: add --yes if you mean it.")
        if input(f"Everything of {slug} will be erased for good. Type its address to go on: ") != slug:
            raise CommandError("Nothing was done.")


def _as_json(entries: list[census.Entry]) -> str:
    return json.dumps([asdict(entry) for entry in entries], default=lambda at: at.isoformat(), indent=2)


def _as_table(entries: list[census.Entry]) -> str:
    lines = [f"{'ADDRESS':40} {'STATE':10} {'VERSION':>7} {'CREATED':10} {'PEOPLE':>6} {'TABLES':>6} {'KIB':>8}  NAME"]
    lines += [
        f"{each.slug:40} {each.state:10} {each.version:7} {each.created:%Y-%m-%d} "
        f"{each.people:6} {each.tables:6} {each.bytes // 1024:8}  {each.name}"
        for each in entries
    ]
    return "\n".join(lines)
