"""How late the event loops of the servers were while something was measured, from the metrics that they tell."""

import re
import urllib.request
from collections.abc import Mapping, Sequence

PATIENCE = 2.0  # seconds

Counts = Mapping[float, float]
"""So many looks had found a lag of at most so many seconds."""

_BUCKET = re.compile(r'^conclave_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


def told(addresses: Sequence[str]) -> list[Counts]:
    """By each of these pages of metrics; nothing by one that does not answer or tells something else."""
    return [_told(address) for address in addresses]


def _told(address: str) -> Counts:
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            page = answer.read().decode()
    except (OSError, ValueError):
        return {}
    return {float(most): float(count) for most, count in _BUCKET.findall(page)}


def between(before: Sequence[Counts], after: Sequence[Counts]) -> dict[str, int] | None:
    """p50, p99 and max in microseconds, each the upper end of its bucket. None: nobody has told anything."""
    counts: dict[float, float] = {}
    for then, now in zip(before, after, strict=True):
        begins_anew = any(now.get(most, 0) < count for most, count in then.items())  # another process answers there
        for most, count in now.items():
            counts[most] = counts.get(most, 0) + count - (0 if begins_anew else then.get(most, 0))
    looks = max(counts.values(), default=0)
    if not looks:
        return None
    return {name: _quantile(counts, part * looks) for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}


def _quantile(counts: Counts, rank: float) -> int:
    """What is later than the last bucket counts as its end."""
    ends = sorted(most for most in counts if most != float("inf"))
    return round(1e6 * next((most for most in ends if counts[most] >= rank), ends[-1]))
