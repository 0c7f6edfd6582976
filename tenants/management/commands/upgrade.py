"""Brings the database up to this code: public, the blueprint, the pool, every organisation."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tenants import provisioning, upgrading
from tenants.blueprint import CannotDump


class Command(BaseCommand):
    help = "Migrates public, the pool and all organisations; goes on where it was stopped; may run at any time."
    requires_system_checks: list[str] = []  # noqa: RUF012  (the base class has it so)

    def handle(self, *args: Any, **options: Any) -> None:
        with upgrading.alone():
            self._public()
            self._blueprint()
            failed = self._schemas()
        provisioning.fill_pool()
        if failed:
            raise CommandError(f"{len(failed)} of the schemas could not be upgraded: {', '.join(failed)}.")

    def _public(self) -> None:
        executor = MigrationExecutor(connection)
        pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if pending:
            self.stdout.write(f"Upgrading the public schema: {pending} migrations.")
            call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)

    def _blueprint(self) -> None:
        try:
            if upgrading.draw_blueprint():
                self.stdout.write(f"Drew the blueprint of version {provisioning.schema_version()}.")
        except CannotDump as error:
            raise CommandError(str(error)) from error

    def _schemas(self) -> list[str]:
        """Upgrades what is behind. One that fails keeps the others from nothing; the next run tries it again."""
        failed, names = [], upgrading.behind()
        for done, name in enumerate(names, start=1):
            try:
                upgrading.migrate(name)
            except Exception as error:
                failed.append(name)
                self.stderr.write(f"{name}: {str(error).splitlines()[0] if str(error) else error!r}")
            self._progress(done, len(names))
        return failed

    def _progress(self, done: int, total: int) -> None:
        """One line that grows in a terminal; in a log, a line now and then."""
        if self.stdout.isatty():
            self.stdout.write(f"\rUpgrading organisations: {done} of {total}", ending="\n" if done == total else "")
        elif done == total or done % 100 == 0:
            self.stdout.write(f"Upgraded {done} of {total} organisations.")
