"""Plans as data. One for now: everybody has it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Rates are per second and per server process; a burst of two seconds' worth is let through,
    and of an organisation's posts a quarter of one."""

    frames_per_socket: float
    posts_per_person: float
    posts_per_organization: float
    sockets: int
    body: int  # characters


DEFAULT = Plan(frames_per_socket=20, posts_per_person=10, posts_per_organization=200, sockets=2000, body=16_000)
UNLIMITED = Plan(
    frames_per_socket=float("inf"),
    posts_per_person=float("inf"),
    posts_per_organization=float("inf"),
    sockets=1_000_000,
    body=16_000,  # sizes stay: they protect the readers, not the plan
)
