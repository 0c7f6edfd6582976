"""Bodies of requests whose fields may be left out."""

from ninja import Schema
from pydantic import ConfigDict


class Exact(Schema):
    """Refuses a field that it does not know: with one misspelt, a room that was to be private would be public, a link
    for one person would let in any number, and a second factor that was to be required would not be."""

    model_config = ConfigDict(extra="forbid")
