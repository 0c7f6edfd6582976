"""The reading of control: every change reaches every process, once, however late its row commits."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connections, transaction

from tenants import control
from tenants.control import PERSON, Change, Watch
from tenants.models import Control, new_key


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    """What a listener is told; nobody else listens here."""
    heard: list[Change] = []
    monkeypatch.setattr(control, "_listeners", [])
    control.listen(heard.append)
    return heard


@pytest.fixture
def key(database: str) -> str:
    return new_key()


class Hand:
    """Somebody with a connection of their own."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)

    def appends(self, key: str, subject: str) -> None:
        self.thread.submit(control.append, key, PERSON, subject).result()

    def appends_and_waits(self, key: str, subject: str, commit: Event) -> None:
        """Returns when the row is written; it is committed when told."""
        written = Event()

        def append() -> None:
            with transaction.atomic():
                control.append(key, PERSON, subject)
                written.set()
                assert commit.wait(60)

        self.work = self.thread.submit(append)
        assert written.wait(60)

    def commits(self, commit: Event) -> None:
        commit.set()
        self.work.result()

    def leaves(self) -> None:
        self.thread.submit(connections.close_all).result()
        self.thread.shutdown()


@pytest.fixture
def slow(database: str) -> Iterator[Hand]:
    hand = Hand()
    yield hand
    hand.leaves()


@pytest.fixture
def quick(database: str) -> Iterator[Hand]:
    hand = Hand()
    yield hand
    hand.leaves()


def subjects(heard: list[Change], key: str) -> list[str]:
    return [change.subject for change in heard if change.key == key]


async def test_every_process_is_told_of_a_change_once(heard: list[Change], key: str, quick: Hand) -> None:
    one, other = Watch(), Watch()
    await one.read()
    await other.read()
    quick.appends(key, "7")
    for _ in range(3):
        await one.read()
    assert subjects(heard, key) == ["7"]
    await other.read()
    assert subjects(heard, key) == ["7", "7"]
    assert heard[-1] == Change(heard[-1].id, key, PERSON, "7")


async def test_what_changed_before_the_process_began_is_not_told_but_kept_for_who_comes_late(
    heard: list[Change], key: str, quick: Hand
) -> None:
    quick.appends(key, "before")
    watch = Watch()
    await watch.read()
    assert subjects(heard, key) == []
    assert subjects(watch.recent(), key) == ["before"]


async def test_a_row_with_a_lower_number_that_commits_later_is_found(
    heard: list[Change], key: str, slow: Hand, quick: Hand
) -> None:
    watch, commit = Watch(), Event()
    await watch.read()
    slow.appends_and_waits(key, "first", commit)
    quick.appends(key, "second")
    await watch.read()
    assert subjects(heard, key) == ["second"]

    slow.commits(commit)
    await watch.read()
    await watch.read()

    assert subjects(heard, key) == ["second", "first"]
    late, early = (change.id for change in reversed([each for each in heard if each.key == key]))
    assert late < early, "the one that was told later has the lower number"


async def test_a_row_written_before_the_first_reading_and_committed_after_it_is_found(
    heard: list[Change], key: str, slow: Hand
) -> None:
    watch, commit = Watch(), Event()
    slow.appends_and_waits(key, "7", commit)
    await watch.read()
    slow.commits(commit)
    await watch.read()
    assert subjects(heard, key) == ["7"]


async def test_a_row_that_is_rolled_back_is_told_to_nobody(heard: list[Change], key: str, quick: Hand) -> None:
    def fail() -> None:
        with transaction.atomic():
            control.append(key, PERSON, "7")
            raise RuntimeError

    watch = Watch()
    await watch.read()
    with pytest.raises(RuntimeError):
        quick.thread.submit(fail).result()
    quick.appends(key, "8")
    await watch.read()
    assert subjects(heard, key) == ["8"]


async def test_a_process_that_was_stopped_for_an_hour_catches_up(heard: list[Change], key: str, quick: Hand) -> None:
    """It reads from its own last reading on, and what was written up to ten seconds before that."""
    watch = Watch()
    await watch.read()
    last = watch._since
    assert last is not None
    watch._since = last - control.timedelta(hours=1)

    def write() -> None:
        for ago in (3590, 1800, 0):  # seconds before now
            Control.objects.create(key=key, what=PERSON, subject=str(ago), at=last - control.timedelta(seconds=ago))
        Control.objects.create(
            key=key, what=PERSON, subject="late", at=last - control.timedelta(hours=1) - 0.9 * control.OVERLAP
        )

    quick.thread.submit(write).result()
    await watch.read()
    assert subjects(heard, key) == ["3590", "1800", "0", "late"]


async def test_rights_are_stale_ten_seconds_after_a_reading_and_fresh_with_the_next(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(control, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(control, "_last_reading", float("-inf"))
    watch = Watch()
    assert not control.fresh()
    await watch.read()
    assert control.fresh()
    clock.now += control.STALE_AFTER - 0.1
    assert control.fresh()
    clock.now += 0.2
    assert not control.fresh()
    await watch.read()
    assert control.fresh()


async def test_a_reading_counts_from_when_it_began(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hung for eleven seconds says nothing of the last eleven."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(control, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(control, "_last_reading", float("-inf"))
    read = control._rows_since

    def hangs(since: object) -> object:
        clock.now += 11
        return read(since)  # type: ignore[arg-type]

    monkeypatch.setattr(control, "_rows_since", hangs)
    await Watch().read()
    assert not control.fresh()


async def test_a_reading_that_fails_loses_nothing(
    heard: list[Change], key: str, quick: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    await watch.read()
    quick.appends(key, "7")
    with monkeypatch.context() as broken:

        def away(_: object) -> object:
            raise OperationalError("the database is away")

        broken.setattr(control, "_rows_since", away)
        with pytest.raises(OperationalError):
            await watch.read()
    await watch.read()
    assert subjects(heard, key) == ["7"]
