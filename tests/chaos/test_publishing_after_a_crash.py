"""Kill -9 of the worker and of the server while a notice is being published to very many, and while its receipts come
in: it is published once, to all, and every receipt that was acknowledged is there."""

import os
import signal
import time
from pathlib import Path

from realtime.notices import publishing
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice, Receipt
from tests.cast import Org
from tests.clients import opened
from tests.conftest import Servers
from tests.realtime.test_notices import crowd
from tests.running import Running

PEOPLE = 30_000
PATIENCE = 150.0  # seconds: a dead worker is known to be dead after 30, and looked for once a minute


def processes(server: Running, command: str) -> list[int]:
    """Those of this server that were started with `conclave <command>`."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    named = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in children}
    return [int(pid) for pid, words in named.items() if command.encode() in words]


async def test_a_notice_is_published_once_to_all_whatever_is_killed(servers: Servers, acme: Org) -> None:
    server = servers.get(LIMITS="unlimited")
    crowd(acme, PEOPLE)
    row = acme.inside(lambda: publishing.publish(acme.owner.actor, Draft(message="to very many")))
    assert row.state == "publishing"

    def now() -> Notice:
        return acme.inside(lambda: Notice.objects.get(pk=row.pk))

    killed = 0
    patience = time.monotonic() + PATIENCE
    while (state := now()).state == "publishing" and time.monotonic() < patience:
        if killed < 2 and state.targeted >= (killed + 1) * 8_000:
            victims = processes(server, "worker" if killed == 0 else "serve")
            assert victims, server.log.read_text()
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            killed += 1
        time.sleep(0.05)
    assert killed >= 1, "it was over before anything could be killed"
    done = now()
    assert (done.state, done.seq, done.targeted) == ("live", 1, PEOPLE + 1)
    assert acme.inside(lambda: Receipt.objects.filter(notice=row).count()) == PEOPLE + 1
    async with opened(server, acme, "/ws/notification/?since=0", by=acme.owner) as script:
        await script.hears(on="notice", message="to very many")
        assert len([frame for frame in script.heard if frame["on"] == "notice"]) == 1
