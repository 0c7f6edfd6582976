"""The instrument is right: of a server that is wrong in known ways it reports just that."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.client import Ears
from benchmarks.measuring.accounts import Account
from benchmarks.measuring.histogram import Histogram
from benchmarks.measuring.reckoning import Reckoning, reckon
from benchmarks.roster import Organisation
from benchmarks.scenario import People, Scenario, Step
from benchmarks.visitor import Visitor
from benchmarks.world import SECOND, World
from tests.benchmarks.fake import Fake, running

LISTENERS = 5
ALL = LISTENERS + 1  # who talks hears it, too


def _spawn(function: Any, *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


class Stage:
    """Listeners and a talker in one organisation, somebody in another one, all of them in this process."""

    def __init__(self, fake: Fake) -> None:
        self.people = People("people", "Lurker")
        scenario = Scenario("test", "", "", (self.people,), (Step("all", 1.0),))
        organisations = [Organisation(index, f"o{index}.localhost", "general", ("t",)) for index in range(2)]
        self.world = World(scenario, fake.url, organisations, Account("run"), Ears(), _spawn, began=0)
        self._running = _spawn(self.world.ears.run)
        self.talker, *self.listeners = [self.comes(0) for _ in range(ALL)]
        self.stranger = self.comes(1)

    def comes(self, organisation: int) -> Visitor:
        visitor = Visitor(self.world, self.world.organisations[organisation], self.people)
        assert visitor.come(time.monotonic_ns())
        return visitor

    def says(self, messages: int, rate: float = 200.0) -> None:
        """In an open loop: what has become of one does not hold up the next."""
        began = time.monotonic_ns()
        for number in range(messages):
            when = began + int(number / rate * SECOND)
            self.world.sleep_until(when)
            self.talker.post(when, 0, 100)

    def reckoned(self, *, patience: float = 30.0, late_after: float = 1.0) -> Reckoning:
        """When all that is still to come has come, for it is known how much that is."""
        ends, before = time.monotonic() + patience, -1
        while time.monotonic() < ends:
            whole = reckon([self.world.account], late_after=late_after, began=0)
            if whole.unanswered == 0 and whole.deliveries.delivered == before:
                return whole
            before = whole.deliveries.delivered
            time.sleep(0.8)  # longer than any pause that a fake server makes between two of its deliveries
        return reckon([self.world.account], late_after=late_after, began=0)


@contextmanager
def stage(fake: Fake) -> Iterator[Stage]:
    with running(fake):
        set_up = Stage(fake)
        try:
            yield set_up
        finally:
            set_up.world.over = True
            for visitor in (set_up.talker, *set_up.listeners, set_up.stranger):
                visitor.leave()
            set_up.world.ears.stop()
            set_up._running.join()


def test_what_arrives_is_accounted_for() -> None:
    with stage(Fake()) as set_up:
        set_up.says(20)
        whole = set_up.reckoned()

    told = whole.deliveries
    assert (whole.said, told.expected, told.delivered) == (20, 20 * ALL, 20 * ALL)
    assert (told.lost, told.late, told.duplicate, told.out_of_order, told.foreign) == (0, 0, 0, 0, 0)
    assert whole.latency.total == 20 * ALL
    assert whole.last_recipient.total == whole.median_recipient.total == 20


def test_known_losses_duplicates_and_swaps_are_stated() -> None:
    def delays(number: int, listener: int) -> list[float]:
        if number in (3, 7) and listener in (1, 2):
            return []
        return [0.0, 0.0] if number == 5 and listener == 4 else [0.0]

    with stage(Fake(delays, swapped=frozenset({10, 14}), astray=frozenset({1}))) as set_up:
        set_up.says(20)
        told = set_up.reckoned().deliveries

    assert (told.expected, told.lost, told.delivered) == (20 * ALL, 4, 20 * ALL - 4)
    assert (told.duplicate, told.out_of_order, told.foreign) == (1, 2 * ALL, 1)


def test_known_delays_are_stated_of_the_median_and_of_the_last_recipient() -> None:
    with stage(Fake(lambda number, listener: [0.6 if listener == 0 else 0.2])) as set_up:
        set_up.says(20)
        whole = set_up.reckoned(late_after=0.5)

    median, last = whole.median_recipient.value_at(0.5) or 0, whole.last_recipient.value_at(0.5) or 0
    assert 200_000 <= median < 600_000 <= last
    assert whole.deliveries.late == 20


def test_what_was_refused_is_owed_to_nobody() -> None:
    with stage(Fake(refuses=frozenset({2}))) as set_up:
        set_up.says(5)
        whole = set_up.reckoned()

    assert (whole.said, whole.refused, whole.deliveries.expected) == (5, 1, 4 * ALL)
    assert set_up.world.account.counts["refused: rate_limited"] == 1


def test_who_was_cut_off_comes_back_and_catches_up() -> None:
    fake = Fake()
    with stage(fake) as set_up:
        set_up.says(5)
        set_up.reckoned()
        for listener in set_up.listeners:
            assert listener.socket
            listener.socket.drop()
            listener.here.clear()
        set_up.says(5)
        for listener in set_up.listeners:
            listener.come(time.monotonic_ns())
        told = set_up.reckoned().deliveries

    assert (told.lost, told.duplicate, told.expected, told.caught_up) == (0, 0, 10 * ALL, 5 * LISTENERS)


def test_a_stalled_server_shows_in_the_open_loop_and_would_be_hidden_by_a_closed_one() -> None:
    with stage(Fake(stalls_at=50, stalls_for=2.0)) as set_up:
        set_up.says(150, rate=50.0)
        opened = set_up.reckoned()
    with stage(Fake(stalls_at=50, stalls_for=2.0)) as set_up:
        closed = _closed_loop(set_up, 150)

    assert (opened.latency.value_at(0.99) or 0) > 1_500_000
    assert (closed.value_at(0.99) or 0) < 1_000_000, "one slow answer in 150 does not reach the 99th percentile"
    assert opened.deliveries.lost == 0


def _closed_loop(set_up: Stage, messages: int) -> Histogram:
    """As most tools do: the next one is sent when the last one has been answered."""
    taken = Histogram()
    for _ in range(messages):
        began = time.monotonic_ns()
        set_up.talker.post(began, 0, 100)
        while set_up.talker.unanswered:
            time.sleep(0.0005)
        taken.record((time.monotonic_ns() - began) // 1000)
    return taken


def test_several_processes_are_added_up_exactly(tmp_path: Path) -> None:
    with stage(Fake()) as set_up:
        set_up.says(10)
        alone = set_up.reckoned()
        set_up.world.account.write(tmp_path / "part.json")
    account = Account.read(tmp_path / "part.json", "run")
    other = Account("run", births=account.births, heard=account.heard)

    twice = reckon([account, other], late_after=1.0, began=0)

    assert twice.deliveries.expected == twice.deliveries.delivered == 2 * alone.deliveries.delivered
    assert twice.latency.counts == {value: 2 * count for value, count in alone.latency.counts.items()}
    assert twice.last_recipient.counts == alone.last_recipient.counts


def test_pings_are_answered() -> None:
    fake = Fake()
    with stage(fake):
        patience = time.monotonic() + 5
        while fake.pongs < ALL + 1 and time.monotonic() < patience:
            time.sleep(0.01)

    assert fake.pongs == ALL + 1


@pytest.mark.parametrize("value", [0, 1, 2047, 2048, 2049, 100_000, 123_456_789])
def test_a_histogram_keeps_three_digits(value: int) -> None:
    histogram = Histogram()
    histogram.record(value)

    kept = histogram.value_at(0.5)
    assert kept is not None
    assert 0 <= value - kept <= value / 1000
    assert value >= 2048 or kept == value


def test_the_99th_percentile_is_what_99_of_100_do_not_exceed() -> None:
    histogram = Histogram()
    for value in range(1, 101):
        histogram.record(value)

    assert (histogram.value_at(0.5), histogram.value_at(0.99), histogram.most) == (50, 99, 100)
