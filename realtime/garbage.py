"""The garbage collector of a process with many open sockets.

Python looks for circles among all objects of a process again and again. With 5,000 open sockets that took 0.3 to 0.5 s
each time, in which nobody was answered (measured under `conclave bench notices`). Here what a full look has found alive
is set aside, so that the next one costs what is new; and everything is looked at when enough may have become garbage.
"""

import gc
import time
from threading import Thread
from typing import Any

THRESHOLDS = (700, 10, 3)  # a full look at about 20,000 new objects, some 10 ms
MOST_GONE = 1_000  # sockets; each leaves about 120 objects in circles
MOST_LOOKS = 100  # what was alive in the middle of a request was set aside with the rest
CHECK = 5.0  # seconds


class Collector:
    """One per process. Everything is looked at again after a hundred looks, or when as many sockets have gone as are
    here, and a thousand at least: so garbage is never more than what is in use, and a few megabytes."""

    def __init__(self) -> None:
        self._here = self._gone = self._looks = 0

    def begin(self) -> None:
        """What has been loaded by now stays. Only for a process that serves: it is never taken back."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self.looked)
        Thread(target=self._run, name="garbage", daemon=True).start()

    def came(self) -> None:
        """A socket is open."""
        self._here += 1

    def gone(self) -> None:
        """… and closed."""
        self._here -= 1
        self._gone += 1

    @property
    def is_due(self) -> bool:
        return self._looks >= MOST_LOOKS or self._gone >= max(MOST_GONE, self._here)

    def sweep(self) -> None:
        """Looks at everything: about 50 us for each open socket."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._gone = self._looks = 0

    def looked(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
            self._looks += 1

    def _run(self) -> None:
        while True:
            time.sleep(CHECK)
            if self.is_due:
                self.sweep()


collector = Collector()
