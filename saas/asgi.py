"""The ASGI application: the door, and behind it Django for pages and API, and the sockets."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saas.settings")
django.setup(set_prefix=False)

from realtime.routing import sockets  # noqa: E402  (models need the apps)
from realtime.scoped import scoped  # noqa: E402
from saas.health import health  # noqa: E402
from tenants.doors import Door  # noqa: E402
from tenants.requests import Requests  # noqa: E402

application = Door(http=scoped(Requests()), websocket=scoped(sockets), health=health)
