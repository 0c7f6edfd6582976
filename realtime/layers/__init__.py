"""The channel layers that an installation may choose between, and what each of them can do.

A layer carries events between processes. What every layer promises:

- an event sent to a group reaches the channels that are in it, and no others;
- what one sender sends to one channel arrives in that order;
- nobody hears what was sent before they joined, nor after they left.

No layer promises that an event arrives: it may be lost, and the database repairs that. Where layers differ, the
difference is a field of `Layer`, and the contract suite asserts it either way, so that a limit which is mended is
noticed as surely as a promise which is broken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg.conninfo import conninfo_to_dict

Config = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One choice. The defaults describe a layer without limits."""

    name: str
    backend: str
    config: Callable[[str, str], Config]
    """CONFIG for the backend, from the address of the database and that of Redis."""

    apps: tuple[str, ...] = ()
    """Django applications that it needs, in the public schema only."""
    databases: tuple[str, ...] = ()
    """Aliases in DATABASES that it needs, for the same database with Django's own PostgreSQL engine."""
    closed_by: str = ""
    """The method that ends its connections in the running event loop; empty where there is none."""

    needs_redis: bool = False
    single_process: bool = False
    """Events stay in the process that sends them."""
    hears_from_the_join_on: bool = True
    """Once `new_channel` and `group_add` have returned, the next event is heard, though nobody reads yet."""
    keeps_for_later_readers: bool = True
    """What is sent to a name without `!` waits for the first process that reads it."""
    adds_channels_of_others: bool = True
    """A process may add a channel of another process to a group."""
    holds_at_most_capacity: bool = True
    shares_capacity: bool = False
    """The channels of a process wait in the broker, where they have one capacity together."""
    tells_when_full: bool = True
    """`send` raises ChannelFull."""
    drops_expired: bool = True
    refuses_bad_names: bool = True
    """Spaces, a hundred characters: what Channels' specification forbids."""
    refuses_lookalike_names: bool = False
    """A trailing newline, digits of other scripts: what Channels' own check lets pass."""
    longest_group: int = 99
    carries_every_size: bool = True
    one_copy_to_readers_that_start_at_once: bool = True
    cancelled_readers_miss_nothing: bool = True
    """`receive` may be cancelled at any moment: every event comes, and in order."""
    drops_the_newest: bool = True
    """Of what is too much for a channel that is not read while its neighbours are, rather than the oldest."""
    publishes_after_fork: bool = True
    """A process that was forked from one that has used it publishes, and the other one goes on."""
    leaves_nothing_behind: bool = True
    """Channels that come and go cost no memory."""
    hears_after_lost_connections: bool = True
    """Somebody who is listening when the broker drops all connections hears what is sent once it is back."""
    tells_gaps: bool = False
    """Has `on_gap`."""
    fans_out: bool = False
    """Has the extension `fan-out`: events go to a function, without a channel, a queue or a task in between."""


def configured(name: str, *, database_url: str, redis_url: str) -> Config:
    """Django's CHANNEL_LAYERS: `default` is what consumers get, bound to their organisation; it stands on `wire`."""
    if name not in LAYERS:
        raise ValueError(f"There is no channel layer {name!r}: choose one of {', '.join(LAYERS)}.")
    layer = LAYERS[name]
    return {
        "default": {
            "BACKEND": "realtime.layers.tenant.TenantChannelLayer",
            "CONFIG": {"inner": "wire", "closed_by": layer.closed_by},
        },
        "wire": {"BACKEND": layer.backend, "CONFIG": layer.config(database_url, redis_url)},
    }


CAPACITY = 10_000


def _memory(database_url: str, redis_url: str) -> Config:
    return {"capacity": CAPACITY}


def _postgres(database_url: str, redis_url: str) -> Config:
    return {"dsn": database_url, "capacity": CAPACITY}


def _redis(database_url: str, redis_url: str) -> Config:
    return {"url": redis_url, "capacity": CAPACITY}


def _channels_redis(database_url: str, redis_url: str) -> Config:
    return {"hosts": _hosts(redis_url), "capacity": CAPACITY}


def _channels_redis_pubsub(database_url: str, redis_url: str) -> Config:
    return {"hosts": _hosts(redis_url)}


def _hosts(redis_url: str) -> list[Config]:
    # With a socket_timeout idle sockets die, and on Python 3.11 cancelled consumers never end; a pool of the usual size
    # fails when many join at once. Never more than one host: direct messages are lost between two.
    return [{"address": redis_url, "socket_timeout": None, "max_connections": 10_000}]


def _channels_postgres(database_url: str, redis_url: str) -> Config:
    where = conninfo_to_dict(database_url)
    known = {"dbname", "user", "password", "host", "port"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": where.get("dbname", ""),
        "USER": where.get("user", ""),
        "PASSWORD": where.get("password", ""),
        "HOST": where.get("host", ""),
        "PORT": where.get("port", ""),
        "OPTIONS": {option: value for option, value in where.items() if option not in known},
        "TIME_ZONE": None,
        "PSYCOPG_OPTIONS": {"min_size": 4, "max_size": 10},
        "group_expiry": 86_400,
    }


LAYERS = {
    layer.name: layer
    for layer in (
        Layer(
            name="postgres",
            backend="realtime.layers.postgres.PostgresChannelLayer",
            config=_postgres,
            closed_by="close",
            keeps_for_later_readers=False,
            adds_channels_of_others=False,
            refuses_lookalike_names=True,
            tells_gaps=True,
            fans_out=True,
        ),
        Layer(
            name="redis",
            backend="realtime.layers.redis.RedisChannelLayer",
            config=_redis,
            closed_by="close",
            needs_redis=True,
            keeps_for_later_readers=False,
            adds_channels_of_others=False,
            refuses_lookalike_names=True,
            tells_gaps=True,
            fans_out=True,
        ),
        Layer(
            name="channels-redis",
            backend="channels_redis.core.RedisChannelLayer",
            config=_channels_redis,
            closed_by="close_pools",
            needs_redis=True,
            shares_capacity=True,
            cancelled_readers_miss_nothing=False,
            drops_the_newest=False,
            hears_after_lost_connections=False,
        ),
        Layer(
            name="channels-redis-pubsub",
            backend="channels_redis.pubsub.RedisPubSubChannelLayer",
            config=_channels_redis_pubsub,
            closed_by="flush",
            needs_redis=True,
            hears_from_the_join_on=False,
            keeps_for_later_readers=False,
            adds_channels_of_others=False,
            holds_at_most_capacity=False,
            tells_when_full=False,
            drops_expired=False,
            refuses_bad_names=False,
            cancelled_readers_miss_nothing=False,
        ),
        Layer(
            name="channels-postgres",
            backend="channels_postgres.core.PostgresChannelLayer",
            config=_channels_postgres,
            apps=("channels_postgres",),
            databases=("channels_postgres",),
            hears_from_the_join_on=False,
            holds_at_most_capacity=False,
            tells_when_full=False,
            refuses_bad_names=False,
            longest_group=89,
            carries_every_size=False,
            one_copy_to_readers_that_start_at_once=False,
            publishes_after_fork=False,
            leaves_nothing_behind=False,
            hears_after_lost_connections=False,
        ),
        Layer(
            name="memory",
            backend="channels.layers.InMemoryChannelLayer",
            config=_memory,
            closed_by="close",
            single_process=True,
        ),
    )
}
DEFAULT = "postgres"
