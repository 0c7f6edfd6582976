"""What people may call themselves and their tokens."""

import unicodedata

# Controls, lone surrogates, line and paragraph separators; and what turns the direction of the text around it.
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset({"Cf", "Cn", "Co", "Mn", "Me", "Zs"})

LONGEST = 80


def is_name(text: str, longest: int = LONGEST) -> bool:
    """1 to `longest` characters of any script, at least one of them visible, none that upsets the text around it."""
    kinds = {unicodedata.category(character) for character in text}
    return len(text) <= longest and not kinds <= _UNSEEN and not kinds & _REFUSED and _TURNING.isdisjoint(text)
