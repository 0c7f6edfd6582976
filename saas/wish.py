"""What the person who types `make up` asks for, read from the environment and refused if it cannot be."""

import re
from dataclasses import dataclass
from pathlib import Path

from realtime import layers
from saas import env
from saas.server import SERVERS

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Wish:
    port: int
    host: str
    layer: layers.Layer
    server: str
    workers: int
    data: Path
    demo: bool
    limits: str
    database_url: str
    redis_url: str

    @property
    def url(self) -> str:
        return f"http://{self.host}" + ("" if self.port == 80 else f":{self.port}")

    def address_of(self, slug: str) -> str:
        return self.url.replace("://", f"://{slug}.")


def read_wish() -> Wish:
    wish = Wish(
        port=env.number("PORT", 8000, least=1, most=65535),
        host=_host(),
        layer=layers.LAYERS[env.choice("LAYER", tuple(layers.LAYERS), layers.DEFAULT)],
        server=env.choice("SERVER", SERVERS, SERVERS[0]),
        workers=env.number("WORKERS", 1, least=1, most=64),
        data=Path(env.text("DATA", str(ROOT / "data"))).expanduser().absolute(),
        demo=env.choice("DEMO", ("0", "1"), "1") == "1",
        limits=env.choice("LIMITS", ("normal", "unlimited"), "normal"),
        database_url=_url("DATABASE_URL", "postgresql", "postgres"),
        redis_url=_url("REDIS_URL", "redis", "rediss", "unix"),
    )
    if wish.layer.single_process and wish.workers > 1:
        env.refuse(f"LAYER={wish.layer.name} lives in one process; use WORKERS=1 or another LAYER.")
    return wish


def _host() -> str:
    host = env.text("HOST", "localhost").lower()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", host):
        env.refuse(f"HOST={host} is not a host name; write it like localhost, without scheme and port.")
    return host


def _url(name: str, *schemes: str) -> str:
    if env.text(name):
        env.url(name, "", schemes=schemes)
    return env.text(name)  # as it was written: put together again from its parts, unix:///path loses two slashes
