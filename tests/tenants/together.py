"""Several at the same moment, each with a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections

from tenants.directory import Space
from tenants.problems import Problem
from tenants.schema import entered


def together(space: Space, *verbs: Callable[[], object]) -> list[str]:
    """What came of each, called in this organisation's schema: "done", or the code of the problem."""
    gate = Barrier(len(verbs), timeout=60)

    def call(verb: Callable[[], object]) -> str:
        try:
            with entered(space.schema_name):
                gate.wait()
                verb()
                return "done"
        except Problem as problem:
            return problem.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(verbs)) as threads:
        return list(threads.map(call, verbs))
