"""What a field of a command may hold. Each kind reads a value or raises ValueError, and tells its JSON Schema."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Text:
    most: int
    least: int = 1
    pattern: str | None = None

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not self.least <= len(value) <= self.most:
            raise ValueError(f"must be a text of {self.least} to {self.most} characters")
        if self.pattern and not self._compiled.fullmatch(value):
            raise ValueError(f"must match {self.pattern}")
        return value

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern or "", re.ASCII)

    def schema(self) -> dict[str, Any]:
        pattern = {"pattern": f"^{self.pattern}$"} if self.pattern else {}
        return {"type": "string", "minLength": self.least, "maxLength": self.most, **pattern}


@dataclass(frozen=True)
class Whole:
    least: int = 0
    most: int = 2**53 - 1  # what a browser's number holds exactly

    def read(self, value: Any) -> int:
        if type(value) is not int or not self.least <= value <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Flag:
    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


ADDRESS = Text(most=60, pattern="[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Positions:
    """Room addresses → the highest number that the client has of each."""

    most: int = 1000

    def read(self, value: Any) -> dict[str, int]:
        if not isinstance(value, dict) or len(value) > self.most:
            raise ValueError(f"must be an object of at most {self.most} rooms and numbers")
        return {ADDRESS.read(room): Whole().read(number) for room, number in value.items()}

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": ADDRESS.schema(),
            "additionalProperties": Whole().schema(),
            "maxProperties": self.most,
        }


@dataclass(frozen=True)
class Numbers:
    """A list of numbers, each of them once."""

    most: int = 200

    def read(self, value: Any) -> list[int]:
        if not isinstance(value, list) or len(value) > self.most:
            raise ValueError(f"must be a list of at most {self.most} numbers")
        return list(dict.fromkeys(Whole().read(number) for number in value))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": Whole().schema(), "maxItems": self.most}


@dataclass(frozen=True)
class Data:
    """Any JSON object that is short and not nested deeply: what can be read can also be written again."""

    most: int = 2048
    levels: int = 20

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not self._fits(value):
            raise ValueError(
                f"must be an object of at most {self.most} characters as JSON and {self.levels} levels,"
                " without half surrogates or infinite numbers"
            )
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}

    def _fits(self, value: dict[str, Any]) -> bool:
        """1e999 is read as infinity, which JSON cannot say; and near the interpreter's limit of recursion a text can
        be read that cannot be written. Either would reach everybody in the room."""
        try:
            text = _WRITER.encode(value)
            text.encode()
        except (ValueError, RecursionError):  # a half surrogate cannot be encoded either
            return False
        # Most have no more brackets than levels are allowed, and need not be gone through.
        is_shallow = text.count("{") + text.count("[") <= self.levels or _is_shallow(value, self.levels)
        return len(text) <= self.most and is_shallow


_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # one for all: making one costs more than using it


def _is_shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels >= 0 and all(_is_shallow(each, levels - 1) for each in inner)
