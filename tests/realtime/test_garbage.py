"""What has been found alive is set aside, and is not forgotten."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from realtime.garbage import MOST_GONE, MOST_LOOKS, Collector


class Circle:
    def __init__(self) -> None:
        self.myself = self


@pytest.fixture
def collector() -> Iterator[Collector]:
    """As in a process that serves, but for the thread and the thresholds."""
    collector = Collector()
    gc.collect()
    gc.callbacks.append(collector.looked)
    yield collector
    gc.callbacks.remove(collector.looked)
    gc.unfreeze()


def test_what_a_full_look_has_found_alive_is_not_looked_at_again(collector: Collector) -> None:
    alive = [Circle() for _ in range(10_000)]
    gc.collect()
    assert gc.get_freeze_count() > len(alive)
    assert len(gc.get_objects()) < len(alive)


def test_circles_that_break_later_are_found_when_everything_is_looked_at(collector: Collector) -> None:
    circle = Circle()
    gone = weakref.ref(circle)
    gc.collect()
    del circle
    gc.collect()
    assert gone() is not None, "it was set aside"
    collector.sweep()
    assert gone() is None


def test_everything_is_looked_at_when_as_many_sockets_have_gone_as_are_here() -> None:
    collector = Collector()
    for _ in range(3 * MOST_GONE):
        collector.came()
    for went in range(3 * MOST_GONE // 2):
        assert not collector.is_due, went
        collector.gone()
    assert collector.is_due


def test_a_few_sockets_that_come_and_go_are_nothing_to_look_for() -> None:
    collector = Collector()
    for went in range(MOST_GONE):
        assert not collector.is_due, went
        collector.came()
        collector.gone()
    assert collector.is_due
    collector.sweep()
    gc.unfreeze()
    assert not collector.is_due


def test_everything_is_looked_at_after_a_hundred_looks(collector: Collector) -> None:
    for _ in range(MOST_LOOKS):
        assert not collector.is_due
        gc.collect()
    assert collector.is_due
