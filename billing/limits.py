"""May they? Answered from memory, without a query. The one who asks too often is told when to come back."""

import threading
import time

from django.conf import settings

from billing.plans import DEFAULT, UNLIMITED, Plan

BURST = 2.0  # seconds' worth of a rate that may come at once, from a person or a socket
# … and from an organisation: what all of it says at once, all of it hears, and other organisations wait for it.
BURST_TOGETHER = 0.25
# One that is at its limit is stored and told in steps of so many seconds: a commit, with its flush to disk, and a write
# to each of its sockets cost the same for five messages as for one, and its neighbours wait for them.
REST_AT_THE_LIMIT = 0.025
MOST_BUCKETS = 50_000


class LimitReached(Exception):
    def __init__(self, sentence: str, retry_after: float) -> None:
        super().__init__(sentence)
        self.sentence, self.retry_after = sentence, retry_after


class Bucket:
    """A token bucket. Not shared between threads without the lock below."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, burst: float = BURST) -> None:
        self._rate, self._most, self._at = rate, rate * burst, time.monotonic()
        self._left = self._most

    def take(self) -> float:
        """0 if there was one to take; else the seconds until there will be."""
        wait = self.wait()
        if not wait:
            self._left -= 1
        return wait

    def wait(self) -> float:
        """The seconds until there will be one to take; 0 if there is."""
        if self._rate == float("inf"):
            return 0.0
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) / self._rate

    @property
    def is_empty(self) -> bool:
        """There was none left to take, the last time that anybody took one."""
        return self._left < 1


_buckets: dict[tuple[str, int], Bucket] = {}
_lock = threading.Lock()


def plan(key: str) -> Plan:
    """The plan of the organisation `key`."""
    return UNLIMITED if settings.LIMITS == "unlimited" else DEFAULT


def frames(key: str) -> Bucket:
    """A socket's own bucket of inbound frames."""
    return Bucket(plan(key).frames_per_socket)


def flood(key: str) -> Bucket:
    """What nobody sends by mistake: five times the rate, after being told."""
    return Bucket(plan(key).frames_per_socket * 5)


def post(key: str, user_id: int) -> None:
    """One more message of this person; raises LimitReached, and then nothing is counted."""
    with _lock:
        person, together = _posting(key, user_id)
        if reached := _reached(person, together):
            raise reached
        person.take()
        together.take()


def reached(key: str, user_id: int) -> LimitReached | None:
    """What `post` would raise just now, for who wants to know it beforehand."""
    with _lock:
        return _reached(*_posting(key, user_id))


def _posting(key: str, user_id: int) -> tuple[Bucket, Bucket]:
    current = plan(key)
    person = _bucket((key, user_id), current.posts_per_person)
    return person, _bucket((key, 0), current.posts_per_organization, BURST_TOGETHER)


def _reached(person: Bucket, together: Bucket) -> LimitReached | None:
    if wait := person.wait():
        return LimitReached("You are posting faster than your organisation's plan allows.", wait)
    if wait := together.wait():
        return LimitReached("Your organisation is posting faster than its plan allows.", wait)
    return None


def rest(key: str) -> float:
    """Seconds for which posts of this organisation are to gather: none, unless it says all that it may."""
    together = _buckets.get((key, 0))
    return REST_AT_THE_LIMIT if together is not None and together.is_empty else 0.0


def body(key: str) -> int:
    """The most characters of a message."""
    return plan(key).body


def sockets(key: str) -> int:
    """The most open sockets of an organisation, per server process."""
    return plan(key).sockets


def _bucket(name: tuple[str, int], rate: float, burst: float = BURST) -> Bucket:
    bucket = _buckets.get(name)
    if bucket is None:
        if len(_buckets) >= MOST_BUCKETS:  # a bucket not used for two seconds is full again: nothing is lost with it
            now = time.monotonic()
            for old in [each for each, held in _buckets.items() if now - held._at > BURST]:
                del _buckets[old]
        bucket = _buckets[name] = Bucket(rate, burst)
    return bucket
