"""What Mallory tries. Each attempt asserts that it failed, after showing that the same works for whom it is meant."""

from tests.isolation.attempts import doors, names, notices, people, proofs, rights, rooms, tables
from tests.isolation.attempts.registry import ATTEMPTS, Attempt

__all__ = ["ATTEMPTS", "Attempt", "doors", "names", "notices", "people", "proofs", "rights", "rooms", "tables"]
