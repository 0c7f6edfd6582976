"""Events as the REST API answers them: the same fields as on the wire, taken from realtime.protocol."""

from dataclasses import fields
from typing import Any, Literal, get_args, get_type_hints

from ninja import Schema
from pydantic import create_model


def answered(event: type[Any]) -> type[Schema]:
    """The schema of an event, or of a part of one: what a socket hears of it, `on` included. What may be None there is
    left out of the answer when it is: give the operation `exclude_none=True`."""
    hints = get_type_hints(event)
    told: dict[str, Any] = {"on": (Literal[event.ON], event.ON)} if hasattr(event, "ON") else {}
    for field in fields(event):
        optional = type(None) in get_args(hints[field.name])
        told[field.name] = (hints[field.name], None if optional else ...)
    return create_model(event.__name__, __base__=Schema, **told)
