"""Who hears an event. The only place where the names of groups are spelled.

A name begins with the organisation's key, which is of fixed width, so no two organisations can ever share one. What
follows is injective too: a part that is too long or holds other characters is replaced by its SHA-256, under a letter
of its own. Names are ASCII and at most 75 characters: channels allows 99, channels-postgres 89.
"""

import re
from base64 import b32encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

_KEY = re.compile(r"[a-z2-7]{10}", re.ASCII)
_PLAIN = re.compile(r"[a-z0-9-]{1,60}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Group:
    """Made by the functions below, never by hand: whoever holds one may only have it for an organisation."""

    key: str
    name: str


def room(key: str, address: str) -> Group:
    """Everyone who hears this room."""
    return _group(key, "r", address)


def notices(key: str) -> Group:
    """Everyone of the organisation."""
    return _group(key, "n", "all")


def person(key: str, user_id: int) -> Group:
    """Every socket of one person."""
    return _group(key, "p", str(user_id))


@lru_cache(10_000)  # asked for with every signal
def _group(key: str, kind: str, part: str) -> Group:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not the key of an organisation")
    if _PLAIN.fullmatch(part):
        return Group(key, f"c.{key}.{kind}.{part}")
    digest = b32encode(sha256(part.encode("utf-8", "surrogatepass")).digest()).decode().rstrip("=").lower()
    return Group(key, f"c.{key}.{kind}h.{digest}")
