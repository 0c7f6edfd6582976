"""What a channel and a group may be called.

Stricter than Channels' own check, which lets a trailing newline and digits of other scripts pass: a name that is
accepted here means the same bytes to every broker.
"""

import re
from functools import lru_cache

LONGEST = 99

_GROUP = re.compile(r"[a-z\d\-_.]+", re.ASCII | re.IGNORECASE)
_CHANNEL = re.compile(r"[a-z\d\-_.]+(![\w\-.]*)?", re.ASCII | re.IGNORECASE)


@lru_cache(10_000)
def require_group(name: str) -> None:
    _require("group", _GROUP, name)


@lru_cache(10_000)
def require_channel(name: str) -> None:
    _require("channel", _CHANNEL, name)


def _require(noun: str, pattern: re.Pattern[str], name: str) -> None:
    # TypeError is what Channels raises for a bad name.
    if not isinstance(name, str) or len(name) > LONGEST or not pattern.fullmatch(name):
        raise TypeError(
            f"{name!r} cannot name a {noun}: use 1 to {LONGEST} ASCII letters, digits, hyphens, underscores or dots."
        )
