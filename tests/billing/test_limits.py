"""Limits answer from memory, hurt only whoever exceeds them, and say when to come back."""

import secrets
from collections.abc import Callable

import pytest
from django.test import override_settings

from billing import limits
from billing.limits import Bucket, LimitReached
from billing.plans import DEFAULT, UNLIMITED

HAIR = 1e-6  # numbers of a clock are not exact


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    monkeypatch.setattr(limits, "_buckets", {})
    return clock


@pytest.fixture
def key() -> str:
    return secrets.token_hex(5)


def granted(take: Callable[[], object], most: int = 10_000) -> int:
    """How often in a row it goes well."""
    for count in range(most):
        try:
            if take():
                return count
        except LimitReached:
            return count
    return most


def test_a_burst_of_two_seconds_is_let_through_and_then_the_rate(clock: Clock) -> None:
    bucket = Bucket(20)
    assert granted(bucket.take) == 40
    clock.now += 0.5
    assert granted(bucket.take) == 10
    clock.now += 3600
    assert granted(bucket.take) == 40


def test_who_waits_as_long_as_told_is_let_through_and_not_before(clock: Clock) -> None:
    bucket = Bucket(3)
    granted(bucket.take)
    wait = bucket.take()
    assert 0 < wait <= 1 / 3
    clock.now += wait * 0.99
    assert bucket.take() > 0
    clock.now += wait * 0.02
    assert bucket.take() == 0


def test_asking_in_vain_costs_nothing(clock: Clock) -> None:
    bucket = Bucket(10)
    granted(bucket.take)
    assert {bucket.take() for _ in range(100)} == {0.1}


def test_a_person_who_posts_too_fast_uses_up_nobody_elses_limit(clock: Clock, key: str) -> None:
    assert granted(lambda: limits.post(key, 1)) == 2 * DEFAULT.posts_per_person
    for _ in range(1000):
        with pytest.raises(LimitReached):
            limits.post(key, 1)
    assert granted(lambda: limits.post(key, 2)) == 2 * DEFAULT.posts_per_person


def test_the_refusal_says_whose_limit_it_is_and_when_to_come_back(clock: Clock, key: str) -> None:
    granted(lambda: limits.post(key, 1))
    with pytest.raises(LimitReached, match="You are posting") as reached:
        limits.post(key, 1)
    clock.now += reached.value.retry_after + HAIR
    limits.post(key, 1)


def test_an_organisations_limit_counts_all_its_people_and_takes_nothing_from_them(clock: Clock, key: str) -> None:
    people = range(1, 41)
    said = sum(granted(lambda person=person: limits.post(key, person)) for person in people)  # type: ignore[misc]
    assert said == DEFAULT.posts_per_organization / 4
    fresh = 41
    with pytest.raises(LimitReached, match="Your organisation") as reached:
        limits.post(key, fresh)
    for _ in range(100):
        with pytest.raises(LimitReached, match="Your organisation"):
            limits.post(key, fresh)
    clock.now += reached.value.retry_after + HAIR
    limits.post(key, fresh)


def test_who_asks_beforehand_is_told_the_same_and_uses_up_nothing(clock: Clock, key: str) -> None:
    for person in range(1, 41):
        for _ in range(DEFAULT.posts_per_person * 3):
            told = [limits.reached(key, person) for _ in range(3)][-1]
            if told is None:
                limits.post(key, person)
                continue
            with pytest.raises(LimitReached) as reached:
                limits.post(key, person)
            assert (told.sentence, told.retry_after) == (reached.value.sentence, reached.value.retry_after)
        clock.now += 0.01


def test_only_an_organisation_that_says_all_it_may_gathers_what_it_says(clock: Clock, key: str) -> None:
    limits.post(key, 1)
    assert limits.rest(key) == 0
    for person in range(1, 41):
        granted(lambda person=person: limits.post(key, person))  # type: ignore[misc]
    assert limits.rest(key) > 0
    assert limits.rest(secrets.token_hex(5)) == 0, "another one says nothing"
    clock.now += 1.0
    limits.post(key, 1)
    assert limits.rest(key) == 0, "a moment later it says what it likes, one by one"


def test_another_organisation_is_not_held_up(clock: Clock, key: str) -> None:
    for person in range(1, 41):
        granted(lambda person=person: limits.post(key, person))  # type: ignore[misc]
    another = secrets.token_hex(5)
    assert granted(lambda: limits.post(another, 1)) == 2 * DEFAULT.posts_per_person


def test_every_socket_has_a_bucket_of_its_own(clock: Clock, key: str) -> None:
    one, other = limits.frames(key), limits.frames(key)
    assert granted(one.take) == granted(other.take) == 2 * DEFAULT.frames_per_socket
    assert granted(limits.flood(key).take) == 10 * DEFAULT.frames_per_socket


@override_settings(LIMITS="unlimited")
def test_without_limits_rates_are_off_and_sizes_stay(clock: Clock, key: str) -> None:
    for take in (lambda: limits.post(key, 1), limits.frames(key).take, limits.flood(key).take):
        assert granted(take) == 10_000
    assert limits.sockets(key) == UNLIMITED.sockets > DEFAULT.sockets
    assert limits.body(key) == DEFAULT.body == 16_000


def test_what_is_remembered_of_the_idle_is_forgotten_without_giving_them_more(
    clock: Clock, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_BUCKETS", 10)
    for person in range(1, 9):
        limits.post(key, person)
    clock.now += limits.BURST + 0.1
    granted(lambda: limits.post(key, 9))
    for person in range(10, 20):
        limits.post(key, person)
    assert len(limits._buckets) <= 13, "the eight who are idle are forgotten"
    with pytest.raises(LimitReached):
        limits.post(key, 9)
