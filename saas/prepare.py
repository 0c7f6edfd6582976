"""What `up` has done before anything serves: the database brought up to date, the demo made. One process does both.

python -m saas.prepare [--demo LOGINS.json]
"""

import argparse
import json
from pathlib import Path

from saas.cli import guarded


def main() -> None:
    parser = argparse.ArgumentParser(prog="saas.prepare", description=__doc__)
    parser.add_argument("--demo", type=Path, metavar="LOGINS", help="make the demo and write its logins to this file")
    logins: Path | None = parser.parse_args().demo
    with guarded():
        prepare(logins)


def prepare(logins: Path | None) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    print("Bringing the database up to date", flush=True)
    call_command("upgrade")
    if logins:
        from saas.demo_people import LOGINS

        print("Making the demo organisations", flush=True)
        call_command("demo")
        logins.write_text(json.dumps(LOGINS))


if __name__ == "__main__":
    main()
