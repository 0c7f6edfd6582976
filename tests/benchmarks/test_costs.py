"""What processes cost is what the kernel says."""

import os
import subprocess
import sys
import time

from benchmarks.costs import Meter, slope
from benchmarks.processes import tree

BUSY = "import time\nends = time.monotonic() + 30\nwhile time.monotonic() < ends: pass"


def test_who_works_is_told_from_who_does_not() -> None:
    working, idle = (subprocess.Popen([sys.executable, "-c", code]) for code in (BUSY, "import time; time.sleep(30)"))
    try:
        with Meter(lambda: {"generator": [working.pid], "server": [idle.pid]}) as meter:
            began = time.monotonic_ns()
            time.sleep(1.5)
            ended = time.monotonic_ns()
        cpu, busiest = meter.between(began, ended)
    finally:
        for process in (working, idle):
            process.kill()
            process.wait()

    assert cpu["generator"] > 0.1, "on a machine that does other things, too"
    assert cpu["server"] < 0.1
    assert 0.05 < busiest <= 1.05


def test_descendants_count_with_who_started_them() -> None:
    parent = subprocess.Popen([sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '30'])"])
    try:
        patience = time.monotonic() + 10
        while len(list(tree(parent.pid))) < 2 and time.monotonic() < patience:
            time.sleep(0.02)
        family = list(tree(parent.pid))
    finally:
        for pid in reversed(family):
            os.kill(pid, 9)
        parent.wait()

    assert len(family) == 2


def test_a_slope_is_told_of_points_enough() -> None:
    assert slope([(1, 12), (2, 14), (3, 16), (4, 18)]) == 2
    assert slope([(1, 12), (2, 14), (3, 16)]) is None
    assert slope([(1, 12), (1, 14), (1, 16), (1, 18)]) is None
