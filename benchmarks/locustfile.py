"""What locust runs: alone, with its web interface, against any Conclave that runs; or as `conclave bench` wants it.

    locust -f benchmarks/locustfile.py --host http://localhost:8000

Alone it signs organisations up and lives a day in the life (SCENARIO=… names another one) until it is stopped, with as
many people as locust is told. What it measured is told at the end; locust's own page shows it while it happens.
"""

import gc
import json
import os
import secrets
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent import monkey
from gevent import socket as gevent_socket
from locust import events
from locust.runners import MasterRunner, WorkerRunner

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import roster, users
from benchmarks.client import Ears
from benchmarks.measuring.accounts import Account
from benchmarks.measuring.reckoning import reckon, summary, timings
from benchmarks.plan import Plan
from benchmarks.scenario import endless, load
from benchmarks.world import SECOND, World

PLAN = Plan.read(Path(os.environ["CONCLAVE_PLAN"])) if "CONCLAVE_PLAN" in os.environ else None
ALONE = endless(load(os.environ.get("SCENARIO", "day-in-the-life")))
LOOKS_EVERY = 0.01  # seconds: how long the loop of this process keeps others waiting

globals().update(users.classes_of(PLAN.scenario if PLAN else ALONE, exactly=PLAN is not None))


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    if isinstance(environment.runner, MasterRunner):
        return
    world = users.Somebody.world = _world(environment)
    # What has been said and heard is kept to the end: looking through it for garbage would keep everybody waiting.
    gc.disable()
    gevent.spawn(world.ears.run)
    gevent.spawn(_watch_own_loop, world)
    gevent.spawn(_show, world, environment)
    if PLAN:
        gevent.spawn(_follow, PLAN, world)
    else:
        world.began = time.monotonic_ns() + int((world.scenario.warm_up + 5) * SECOND)


@events.test_stopping.add_listener
def end(environment: Any, **_: Any) -> None:
    if isinstance(environment.runner, MasterRunner):
        return
    world = users.Somebody.world
    if PLAN and not world.over:
        world.account.write(PLAN.part(world.worker))
    world.over = True
    if not PLAN:
        _tell(world)


def _world(environment: Any) -> World:
    epoll = monkey.get_original("select", "epoll")()  # gevent has taken it away
    ears = Ears(epoll, gevent_socket.wait_read, partial(gevent.sleep, 0))
    runner = environment.runner
    worker = max(0, runner.worker_index) if isinstance(runner, WorkerRunner) else 0
    if PLAN:
        account = Account(PLAN.run)
        organisations = roster.of_json(PLAN.roster)
        return World(
            PLAN.scenario, PLAN.url, organisations, account, ears, gevent.spawn, PLAN.seed, worker, PLAN.workers
        )
    url = environment.host or "http://localhost:8000"
    organisations = [roster.sign_up(url, index) for index in range(ALONE.organisations)]
    return World(ALONE, url, organisations, Account(secrets.token_hex(4)), ears, gevent.spawn)


def _follow(plan: Plan, world: World) -> None:
    """Tells how many are here, and is told when it begins and when it is over."""
    while not world.over:
        plan.here(world.worker).write_text(str(world.here))
        if world.began is None and plan.beginning.exists():
            world.began = int(plan.beginning.read_text())
        if plan.ending.exists():
            world.over = True
            world.account.write(plan.part(world.worker))
        gevent.sleep(0.05)


def _watch_own_loop(world: World) -> None:
    """A generator that is late for itself measures itself."""
    while not world.over:
        before = time.monotonic_ns()
        gevent.sleep(LOOKS_EVERY)
        if world.began and world.began < before < world.ends:
            world.account.time("generator's loop", time.monotonic_ns() - before - int(LOOKS_EVERY * SECOND))


def _show(world: World, environment: Any) -> None:
    """For locust's page: once a second, the newest broadcasts. Their figures are rounded; the report's are not."""
    told = 0
    while not world.over:
        gevent.sleep(1)
        broadcasts = list(world.account.heard.values())
        for broadcast in broadcasts[told:-1]:
            for name, value in (("median recipient", broadcast.live.value_at(0.5)), ("last recipient", broadcast.last)):
                environment.events.request.fire(
                    request_type="WS", name=name, response_time=(value or 0) / 1000, response_length=0, exception=None
                )
        told = max(told, len(broadcasts) - 1)


def _tell(world: World) -> None:
    whole = reckon([world.account], late_after=world.scenario.late_after, began=world.began or 0)
    timed = {name: summary(histogram) for name, histogram in timings([world.account]).items()}
    print(json.dumps(whole.figures() | {"timings_us": timed, "counts": world.account.counts}, indent=2))
