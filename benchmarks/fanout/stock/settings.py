import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SECRET_KEY = "only for measuring, and reachable from this machine alone"
ALLOWED_HOSTS = ["*"]
ASGI_APPLICATION = "benchmarks.fanout.stock.asgi.application"
INSTALLED_APPS = ["channels"]
USE_TZ = True

REDIS_URL, DATABASE_URL = os.environ.get("REDIS_URL", ""), os.environ.get("DATABASE_URL", "")
LAYER = os.environ.get("STOCK_LAYER", "channels-redis")

# As their documentation has them, but for what they do not work without: a socket timeout ends idle sockets, a pool of
# the usual size does not do for a thousand, nor does a capacity of a hundred for a window of eight.
_HOSTS = [{"address": REDIS_URL, "socket_timeout": None, "max_connections": 10_000}]
DATABASES: dict[str, dict[str, Any]] = {}

if LAYER == "channels-postgres":
    _where = urlsplit(DATABASE_URL)
    _options = dict(parse_qsl(_where.query))
    DATABASES["default"] = DATABASES["channels_postgres"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_where.path[1:]),
        "USER": unquote(_where.username or ""),
        "PASSWORD": unquote(_where.password or ""),
        "HOST": unquote(_where.hostname or "") or _options.pop("host", ""),
        "PORT": str(_where.port or _options.pop("port", "")),
    }
    INSTALLED_APPS.append("channels_postgres")

CHANNEL_LAYERS = {
    "default": {
        "channels-redis": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": _HOSTS, "capacity": 10_000},
        },
        "channels-redis-pubsub": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": _HOSTS},
        },
        "channels-postgres": {
            "BACKEND": "channels_postgres.core.PostgresChannelLayer",
            "CONFIG": DATABASES.get("default", {}) | {"TIME_ZONE": None},
        },
    }[LAYER]
}
