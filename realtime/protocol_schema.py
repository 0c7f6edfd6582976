"""The JSON Schema of the wire, from realtime.protocol. `python -m realtime.protocol_schema` prints it."""

import json
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from realtime.protocol import COMMANDS, EVENTS, Command, field_kinds


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of every frame, commands under `commands`, events under `events`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Conclave socket frames",
        "$defs": {
            "commands": {"oneOf": [_command_schema(kind) for kind in COMMANDS.values()]},
            "events": {"oneOf": [_event_schema(kind) for kind in EVENTS]},
        },
    }


def _command_schema(kind: type[Command]) -> dict[str, Any]:
    properties: dict[str, Any] = {"do": {"const": kind.DO}, "id": {"type": ["integer", "string", "null"]}}
    required = ["do"]
    for each, (what, optional) in field_kinds(kind).items():
        properties[each.name] = {"anyOf": [what.schema(), {"type": "null"}]} if optional else what.schema()
        if not optional and each.default is MISSING and each.default_factory is MISSING:
            required.append(each.name)
    return {"title": kind.DO, "type": "object", "properties": properties, "required": required}


def _event_schema(kind: type[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {"on": {"const": kind.ON}} if hasattr(kind, "ON") else {}
    required = list(properties)
    hints = get_type_hints(kind)
    for each in fields(kind):
        name = each.metadata.get("name", each.name)
        properties[name] = _json_type(hints[each.name])
        if type(None) not in get_args(hints[each.name]):
            required.append(name)
    title = {"title": kind.ON} if hasattr(kind, "ON") else {}
    return title | {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _json_type(hint: Any) -> dict[str, Any]:
    if get_origin(hint) is list:
        return {"type": "array", "items": _json_type(get_args(hint)[0])}
    if get_origin(hint) is dict:
        return {"type": "object"}
    if is_dataclass(hint):
        return _event_schema(hint)  # type: ignore[arg-type]
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]  # None stays out of the frame
    if not kinds:
        return {"type": _JSON_NAMES[hint]}
    if len(kinds) == 1 and kinds[0] not in _JSON_NAMES:
        return _json_type(kinds[0])
    names = [_JSON_NAMES[kind] for kind in kinds]
    return {"type": names[0] if len(names) == 1 else names}


_JSON_NAMES = {int: "integer", str: "string", bool: "boolean", float: "number"}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
