"""What a report says, and what it does not say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare, report, table
from benchmarks.statistics import median, paired_ratio, ratio, verdict
from tests.benchmarks.results import result, run

STEADY = (20.0, 20.4, 19.8, 20.1, 20.2)


def rounds(*p99s: float, **how: Any) -> list[dict[str, Any]]:
    return [run(number, p99, **how) for number, p99 in enumerate(p99s)]


def kept(folder: Path, told: dict[str, Any]) -> Path:
    folder.mkdir()
    folder.joinpath("results.json").write_text(json.dumps(told))
    return folder


def test_a_difference_is_called_one_only_beyond_noise() -> None:
    assert verdict(ratio(STEADY, STEADY), 5) == "within noise"
    assert verdict(ratio((20, 50, 30, 25, 60), (25, 30, 45, 55, 22)), 5) == "within noise"
    assert verdict(ratio([2 * each for each in STEADY], STEADY), 5) == "more"
    assert verdict(ratio(STEADY, [2 * each for each in STEADY]), 5) == "less"
    assert verdict(ratio([1.01 * each for each in STEADY], STEADY), 5) == "within noise", "too small to act on"
    assert verdict(ratio(STEADY[:2], [40, 41]), 2) == "too few rounds to say (2 of 5)"


def test_what_a_round_was_like_for_both_goes_out_of_their_ratio() -> None:
    slow_and_fast = (10.0, 100.0, 30.0, 70.0, 20.0)

    paired = paired_ratio([1.5 * each for each in slow_and_fast], slow_and_fast)

    assert paired
    assert (round(paired.low, 6), round(paired.middle, 6), round(paired.high, 6)) == (1.5, 1.5, 1.5)


def test_a_median_knows_how_sure_it_is() -> None:
    interval = median(STEADY)

    assert interval
    assert min(STEADY) <= interval.low <= interval.middle <= interval.high <= max(STEADY)
    assert median([]) is None


def test_both_reports_say_the_same_and_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    told = result(redis=rounds(*STEADY), postgres=rounds(*(2 * each for each in STEADY)))
    folder = kept(tmp_path / "result", told)

    assert report.main([str(folder)]) == 0
    page, text = (folder.joinpath(name).read_text() for name in ("report.html", "report.md"))

    for said in (page, text):
        assert "p99: redis to postgres 0.50: less." in said
        assert "conclave bench broadcast --seed 1" in said
        assert "event loop late, p99, ms" in said
        assert "Not measured: the event-loop lag" not in said
        assert "closed with 1012" in said
    assert page.count("<svg") == 4, "the distribution, the costs, and a timeline of each"
    assert "restart-broker" in page
    bars, names = (set(re.findall(rf'<{what}[^>]*class="(?:bar )?(c1\d)"', page)) for what in ("rect", "li"))
    assert bars == names, "a bar has the colour of its name"
    assert not re.search(r"https?://|<script|@import|url\(", page)


def test_a_server_that_does_not_tell_how_late_its_event_loop_was_is_named_for_it() -> None:
    silent = rounds(*STEADY)
    silent[0]["server_loop_lag_us"] = None
    assert "Not measured: the event-loop lag" in report.markdown(result(redis=silent))


def test_a_void_round_is_told_with_its_reason_and_does_not_count() -> None:
    told = result(redis=[*rounds(*STEADY), run(5, 900.0, void=["the generator used 95% of a core"])])

    text = report.markdown(told)

    assert "Round 6 of redis is void: the generator used 95% of a core." in text
    assert "| p99, ms | 20.1" in text


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (rounds(*STEADY), 0),
        (rounds(*(1.02 * each for each in STEADY)), 0),
        (rounds(*(0.5 * each for each in STEADY)), 0),
        (rounds(*(1.5 * each for each in STEADY)), 1),
        (rounds(*STEADY, cpu=40.0), 1),
        (rounds(*STEADY, lost=1), 1),
        (rounds(30.0, 30.0), 0),
    ],
    ids=["the same", "2 % more", "half", "half as much again", "dearer", "lossy", "too few rounds"],
)
def test_comparing_ends_with_1_on_a_regression_beyond_noise(
    tmp_path: Path, after: list[dict[str, Any]], code: int
) -> None:
    before = kept(tmp_path / "before", result(redis=rounds(*STEADY)))
    later = kept(tmp_path / "after", result(redis=after))

    assert compare.main([str(before), str(later)]) == code


def test_what_cannot_be_compared_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = kept(tmp_path / "before", result(redis=rounds(*STEADY)))
    other = kept(tmp_path / "other", result(postgres=rounds(*STEADY)))

    assert compare.main([str(before), str(other)]) == 2
    assert "no layer and server in common" in capsys.readouterr().err
    assert compare.main([str(before), str(tmp_path)]) == 2


def test_the_table_of_the_readme_is_written_again_in_its_place(tmp_path: Path) -> None:
    folder = kept(tmp_path / "result", result(redis=rounds(*STEADY)))
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{table.BEGIN}\nold\n{table.END}\nAfter.\n")

    assert table.main([str(folder), "--readme", str(readme)]) == 0

    written = readme.read_text()
    assert written.startswith("Before.\n")
    assert written.endswith("After.\n")
    assert "| redis |" in written
    assert "commit abc" in written
    assert "old" not in written
