"""The Chromium of the browser tests: root gets one installed, others are told how. E2E=0 goes without.

The headless shell comes first, the same engine without its windows: measured on two cores, it took 33 CPU seconds where
Chromium took 50."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Not every system has the headless shell.
_APT = "apt-get install --yes --no-install-recommends"
INSTALL = f"apt-get update && {{ {_APT} chromium-headless-shell || {_APT} chromium; }}"


def found() -> str | None:
    """The path of the first that is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main() -> None:
    if os.environ.get("E2E") == "0":
        print("E2E=0: the browser tests are left out.")
    elif found():
        return
    elif os.getuid() or not shutil.which("apt-get"):
        sys.exit(f"The browser tests need Chromium. Install it ({INSTALL}), or leave them out with E2E=0.")
    elif subprocess.run(["sh", "-c", INSTALL], check=False).returncode:
        sys.exit(f"Chromium could not be installed with {INSTALL}; leave the browser tests out with E2E=0.")


if __name__ == "__main__":
    main()
