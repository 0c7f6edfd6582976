"""Conclave with other patience for who reads slowly. For tests/altered.py."""

import os

from saas.asgi import application  # sets Django up

# isort: split
from realtime import socket
from saas.websocket import WebSocketProtocol
from tests.altered import serve

socket.PATIENCE = float(os.environ["PATIENCE"])
if "CLOSE_TIMEOUT" in os.environ:
    patience = float(os.environ["CLOSE_TIMEOUT"])
    WebSocketProtocol.close_timeout = property(lambda self: patience, lambda self, value: None)

if __name__ == "__main__":
    serve(application)
