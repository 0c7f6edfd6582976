"""How large: small for every run, and as large as was promised with CHAOS=full in the environment."""

import os
from typing import TypeVar

FULL = os.environ.get("CHAOS") == "full"

T = TypeVar("T")


def sized(small: T, full: T) -> T:
    return full if FULL else small
