"""Typed readings of the environment. Each refuses nonsense at start, in one sentence that says what to do."""

import os
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit


class Refused(Exception):
    """The environment asks for something that cannot be. Its text is one sentence for the operator."""


def refuse(sentence: str) -> NoReturn:
    raise Refused(sentence)


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def choice(name: str, among: tuple[str, ...], default: str) -> str:
    value = text(name, default)
    if value not in among:
        refuse(f"{name}={value} is not known; choose one of: {', '.join(among)}.")
    return value


def number(name: str, default: int, *, least: int = 0, most: int = 1_000_000) -> int:
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        refuse(f"{name}={value} is not a whole number from {least} to {most}.")
    return int(value)


def url(name: str, default: str, *, schemes: tuple[str, ...]) -> SplitResult:
    value = text(name, default)
    try:
        parts = urlsplit(value)
        _ = parts.port  # a port that is no number shows only when asked for
    except ValueError:
        refuse(f"{name} is not an address; write it like {schemes[0]}://host.")
    if parts.scheme not in schemes:
        refuse(f"{name} must begin with {' or '.join(s + '://' for s in schemes)}.")
    return parts


def secret(name: str, *, production: bool) -> str:
    """A secret of at least 40 characters. Outside production a missing one gets a stand-in that production refuses."""
    value = text(name)
    if not production:
        return value or DEVELOPMENT_SECRET
    if not value:
        refuse(f"{name} is missing; set it to at least 40 random characters.")
    if value == DEVELOPMENT_SECRET or len(value) < 40:
        refuse(f"{name} is a default or too short; set it to at least 40 random characters.")
    return value


DEVELOPMENT_SECRET = "development-only-" + "x" * 40
