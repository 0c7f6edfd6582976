"""Where what is measured runs, and where what measures it does."""

import os
import subprocess
import sys

import pytest

from benchmarks.processes import Cores, starting_on

TELLS = "import os; print(*sorted(os.sched_getaffinity(0)))"


@pytest.mark.parametrize(
    ("generators", "have", "subject", "theirs"),
    [
        (1, {0}, {0}, {0}),
        (1, {0, 1}, {0}, {1}),
        (2, {0, 1}, {0}, {1}),
        (1, {2, 3, 5, 7}, {2, 3, 5}, {7}),
        (2, {0, 1, 2, 3}, {0, 1}, {2, 3}),
        (8, {0, 1, 2, 3}, {0, 1}, {2, 3}),
    ],
)
def test_generators_have_cores_of_their_own_where_there_are_some(
    generators: int, have: set[int], subject: set[int], theirs: set[int]
) -> None:
    cores = Cores.parted(generators, have)
    assert (cores.subject, cores.generators) == (subject, theirs)
    assert ("share" in str(cores)) == (len(have) == 1)


def test_what_is_started_runs_there_and_nothing_else_does() -> None:
    before = os.sched_getaffinity(0)
    with starting_on([max(before)]):
        told = subprocess.run([sys.executable, "-c", TELLS], capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(max(before))]
    assert os.sched_getaffinity(0) == before
