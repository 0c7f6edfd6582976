"""Servers for development and tests that nobody has to install: PostgreSQL and Valkey from two wheels.

    with Postgres(data=folder / "postgres") as postgres, Valkey(data=folder / "valkey") as valkey:
        serve(postgres.url, valkey.url)

`start()` returns when the server answers, and may be called again. If one already answers in that folder, it is used
and not owned, unless the run that started it is dead. `stop()` ends only a server that this object owns. Whatever a
killed run has left behind does not keep the next one from starting. What cannot be mended raises `CannotStart` with one
sentence. Sockets are in folders of mode 0700: nobody else gets in.
"""

from infra.place import CannotStart
from infra.postgres import Postgres, postgres_binaries
from infra.valkey import Valkey

__all__ = ["CannotStart", "Postgres", "Valkey", "postgres_binaries"]
