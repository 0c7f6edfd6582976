"""What is around us on this machine: ports, and servers that somebody else runs."""

import http.client
import socket
import time

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from saas import env

LOOPBACK = "127.0.0.1"
KILLED_RUN_LEAVES_WITHIN = 5.0  # seconds: its programs notice that it is gone, and give the port back


def ask_database(url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        env.refuse(f"DATABASE_URL does not answer: {_one_line(error)}")


def ask_redis(url: str) -> None:
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=5, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        env.refuse(f"REDIS_URL does not answer: {_one_line(error)}")


def listen_on(port: int) -> socket.socket:
    patience = time.monotonic() + KILLED_RUN_LEAVES_WITHIN
    while True:
        try:
            return socket.create_server((LOOPBACK, port), backlog=2048)
        except PermissionError:
            env.refuse(f"Port {port} is for root alone here; choose one from 1024 with PORT=.")
        except OSError:
            if time.monotonic() > patience:
                env.refuse(f"Port {port} is taken; stop what uses it, or choose another with PORT=.")
            time.sleep(0.1)


def stand_in(port: int) -> socket.socket:
    """A loopback port for a stand-in: this one if it is free, else any."""
    try:
        return socket.create_server((LOOPBACK, port))
    except (OSError, OverflowError):
        return socket.create_server((LOOPBACK, 0))


def port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
