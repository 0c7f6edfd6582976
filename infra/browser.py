"""Sees to it that there is a Chromium for the browser tests: installs it as root, else says how. E2E=0 goes without."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "apt-get update && apt-get install --yes --no-install-recommends chromium"


def main() -> None:
    if os.environ.get("E2E") == "0":
        print("E2E=0: the browser tests are left out.")
    elif any(map(shutil.which, NAMES)):
        return
    elif os.getuid() or not shutil.which("apt-get"):
        sys.exit(f"The browser tests need Chromium. Install it ({INSTALL}), or leave them out with E2E=0.")
    elif subprocess.run(["sh", "-c", INSTALL], check=False).returncode:
        sys.exit(f"Chromium could not be installed with {INSTALL}; leave the browser tests out with E2E=0.")


if __name__ == "__main__":
    main()
