"""Who has been let in lately: credentials that this process has looked up, so that coming back costs no query.

Control takes back what has ended or changed, within two seconds as everywhere. Nothing is believed while control cannot
be read, nor for longer than a minute: after that the last use of a session or token is written down again.
"""

import time
from dataclasses import dataclass, replace

from tenants import control
from tenants.actor import Actor
from tenants.directory import Space

BELIEVED = 60.0  # seconds
MOST = 50_000  # people


@dataclass(frozen=True, slots=True)
class _Known:
    actor: Actor
    until: float


_known: dict[tuple[str, str], _Known] = {}  # by organisation's key and credential
_generation = 0  # a look-up that began before a change must not be remembered after it


def actor(space: Space, credential: str, client: str) -> Actor | None:
    """The person of this credential, if this process knows: by now from `client`."""
    held = _known.get((space.key, credential))
    if held is None or held.until < time.monotonic() or not control.fresh():
        return None
    return replace(held.actor, organization=space, client_address=client)


def generation() -> int:
    """To be asked before a look-up."""
    return _generation


def remember(began: int, found: Actor) -> None:
    """What a look-up has found that `began` then."""
    if began != _generation:
        return
    if len(_known) >= MOST:
        _known.clear()
    until = time.monotonic() + min(BELIEVED, found.expires_in)
    _known[found.organization.key, found.credential] = _Known(found, until)


def _forget(change: control.Change) -> None:
    global _generation
    _generation += 1
    if change.what == control.CREDENTIAL:
        _known.pop((change.key, change.subject), None)
    elif change.what == control.PERSON:
        for name, held in list(_known.items()):
            if name[0] == change.key and str(held.actor.user_id) == change.subject:
                del _known[name]
    elif change.what in (control.ORGANIZATION, control.SECOND_FACTOR):
        for name in [name for name in _known if name[0] == change.key]:
            del _known[name]


control.listen(_forget)
