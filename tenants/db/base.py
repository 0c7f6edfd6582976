"""django-tenants' backend with its one dangerous habit removed.

Theirs swallows an error of `SET search_path` and then runs the query on the previous tenant's path. Here the error
rises, and what counts is the path that was really sent: the same tenant twice costs no second SET.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper
from django_tenants.postgresql_backend.base import DatabaseWrapper as TenantsDatabaseWrapper
from django_tenants.utils import quote_schema_name


class DatabaseWrapper(TenantsDatabaseWrapper):
    search_path_set_schemas: list[str] | None
    _setting_search_path: bool

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        sent = self.search_path_set_schemas
        super().set_tenant(tenant, include_public)
        self.search_path_set_schemas = sent

    def _savepoint_rollback(self, sid: str) -> None:
        self._setting_search_path = True  # a failed transaction takes no SET; the next query sends it
        try:
            super()._savepoint_rollback(sid)
        finally:
            self._setting_search_path = False

    def _handle_search_path(self, cursor: CursorWrapper | None = None) -> None:
        if self._setting_search_path:
            return
        wanted = self._get_cursor_search_paths()
        if wanted == self.search_path_set_schemas:
            return
        self._setting_search_path, self.search_path_set_schemas = True, None
        try:
            path = ", ".join(quote_schema_name(name) for name in wanted)
            (cursor or self.connection.cursor()).execute(f"SET search_path = {path}")
            self.search_path_set_schemas = wanted
        finally:
            self._setting_search_path = False
