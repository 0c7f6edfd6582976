"""`make test TESTS=tests/realtime` runs a part of the tests, whichever it is."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = sorted(conftest.parent.name for conftest in ROOT.glob("tests/*/conftest.py"))

# The first process of `pytest -n 2` reads the conftest of the part it is asked for, and has neither servers nor Django.
HANDING_OUT = "import sys; sys.argv[1:] = ['-n', '2']; import tests.conftest, tests.{part}.conftest"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_tests_can_be_asked_for_by_its_folder(part: str) -> None:
    environment = {"PATH": "/usr/bin:/bin"}  # without what this run has set
    handing_out = [sys.executable, "-c", HANDING_OUT.format(part=part)]
    ran = subprocess.run(handing_out, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
