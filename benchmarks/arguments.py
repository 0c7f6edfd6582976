"""What measurements have in common on the command line."""

import argparse
from collections.abc import Callable, Collection


def some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """Reads names that are separated by commas; one that is not known is refused in a sentence."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name} is none of: {', '.join(known)}")
        return names

    return read
