"""Long lists are told in pages, each of which begins at a row, not at a count of rows: what comes and goes meanwhile
makes nothing be told twice or left out."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from ninja import Schema
from pydantic import Field

Row = TypeVar("Row")
Mark = TypeVar("Mark")


class Newest(Schema):
    """Asked of a list that begins with the newest."""

    before: int | None = Field(None, ge=0, lt=2**63, description="The `next` of the page before.")
    limit: int = Field(100, ge=1, le=1000)


def cut(found: Iterable[Row], limit: int, mark: Callable[[Row], Mark]) -> tuple[list[Row], Mark | None]:
    """The page, and the mark at which the next goes on; None at the end. `found` is the page and one row more, if there
    is one more."""
    rows = list(found)
    return rows[:limit], mark(rows[limit - 1]) if len(rows) > limit else None
