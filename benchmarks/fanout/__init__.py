"""What it costs to tell many what one has said: Conclave on each layer and server, beside stock Channels and peers.

    conclave bench fanout --scenarios A,B --subjects redis,postgres,nchan --rounds 5

Everything is on this machine and on loopback: the subject on one core, the judge who holds all sockets on another one.
"""

import argparse
import json
from collections.abc import Sequence

from benchmarks.arguments import some_of
from benchmarks.circumstances import certificate
from benchmarks.fanout import idle, report
from benchmarks.fanout.idle import Idle
from benchmarks.fanout.judge import language
from benchmarks.fanout.processes import cores
from benchmarks.fanout.rounds import Run, measured
from benchmarks.fanout.scenarios import IDLE, SCENARIOS
from benchmarks.fanout.subjects import SUBJECTS, Machine

USUAL = ("A", "B", "F", "T4")
QUICK = ("redis", "postgres")


def main(arguments: Sequence[str], machine: Machine) -> int:
    wish = _wish(arguments)
    scenarios = [SCENARIOS[name] for name in wish.scenarios if name in SCENARIOS]
    subjects = [SUBJECTS[name] for name in wish.subjects if not SUBJECTS[name].missing]
    runs: list[Run] = []
    idles: list[Idle] = []
    interrupted = False
    try:
        if scenarios:
            runs.extend(measured(machine, subjects, scenarios, wish.rounds, wish.seconds))
        if IDLE in wish.scenarios:
            idles.extend(idle.measured(machine, subjects, wish.rounds))
    except KeyboardInterrupt:  # what has been measured by then is told
        interrupted = True
    results: list[Run | Idle] = [*runs, *idles]
    missing = [f"{name} ({', '.join(gone)})" for name in wish.subjects if (gone := SUBJECTS[name].missing)]
    facts = certificate() | {
        "judge": f"in {language()[0]}",
        "cores": "subject on {}, judge on {}".format(*cores()),
        "rounds": f"{wish.rounds} of {wish.seconds:g} s, interleaved; median (least–most)",
        "not installed": ", ".join(missing) or "nothing",
    }
    print(report.tables(runs, idles, scenarios))
    print("\n" + "\n".join(f"{name:14} {value}" for name, value in facts.items()))
    if wish.json:
        with open(wish.json, "w") as file:
            json.dump(facts | {"runs": [each.plain() for each in results]}, file, indent=2)
    if interrupted:
        return 130
    return 1 if any(each.failed for each in results) else 0


def _wish(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conclave bench fanout", description=__doc__.partition("\n")[0])
    told = "; ".join([*(f"{each.name}: {each.title}" for each in SCENARIOS.values()), f"{IDLE}: memory and handshakes"])
    parser.add_argument("--scenarios", type=some_of([*SCENARIOS, IDLE]), default=list(USUAL), help=told)
    parser.add_argument("--subjects", type=some_of(list(SUBJECTS)), default=list(SUBJECTS), help=", ".join(SUBJECTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--json", help="a file for the result")
    parser.add_argument("--quick", action="store_true", help="one round of half a second: does it still measure?")
    wish = parser.parse_args(arguments)
    if wish.quick:
        wish.rounds, wish.seconds = 1, 0.5
    return wish
