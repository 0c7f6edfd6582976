"""The server's end of a WebSocket: uvicorn's own protocol, with our closing codes and an orderly farewell."""

import random
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST_FRAME = 64 * 1024  # bytes; a longer message closes with 1009
INVALID_TEXT = 4400
RESTARTING = 1012
# Closing a connection that still has bytes of ours to read makes the kernel throw away what we wrote last: the client
# would never learn the code. So a refused one is read, and what it says dropped, for this long.
LINGER = 1.0  # seconds


class WebSocketProtocol(WebSocketsSansIOProtocol):
    drain = 0.0
    """Seconds over which the farewells of a stopping server are spread, so that not all come back at once."""

    _leaving = False
    _refused = False

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # refused as it should be; uvicorn would log it as an error of ours

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self.frames = []
            if not self.close_sent:
                self.conn.fail(INVALID_TEXT, "not valid UTF-8")
                self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Says goodbye to a client that broke the protocol, and gives it time to hear it."""
        sent = self.conn.close_sent
        if sent is not None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._refused = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER, self.transport.close)

    def shutdown(self) -> None:
        if self._leaving or not self.drain or not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self._leaving = True
        self.loop.call_later(random.uniform(0, self.drain), self._leave)

    def _leave(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()


def draining_over(seconds: float) -> type[WebSocketProtocol]:
    return type("DrainingWebSocketProtocol", (WebSocketProtocol,), {"drain": seconds})


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
