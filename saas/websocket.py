"""The server's end of a WebSocket: uvicorn's own protocol, with our closing codes, an orderly farewell, a way for the
application to write frames that are framed already (realtime/wires.py says what it may count on), and a short way in
for the frames that nearly all are."""

import random
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where there is one
from websockets.streams import StreamReader

from realtime.wires import EXTENSION, Owner

LARGEST_FRAME = 64 * 1024  # bytes; a longer message closes with 1009
MOST_UNSENT = 64 * 1024  # bytes that may wait for a reader, beside what the kernel keeps; then it is behind
INVALID_TEXT = 4400
RESTARTING = 1012
# Closing a connection that still has bytes of ours to read makes the kernel throw away what we wrote last: the client
# would never learn the code. So a refused one is read, and what it says dropped, for this long.
LINGER = 1.0  # seconds

_TEXT, _MASKED = 0x81, 0x80  # a text frame that is a whole message; a client masks what it says


class WebSocketProtocol(WebSocketsSansIOProtocol):
    drain = 0.0
    """Seconds over which the farewells of a stopping server are spread, so that not all come back at once."""

    owner: Owner | None = None
    """Whoever has taken this up as a Handle."""

    descriptor = -1
    """The socket, while all that was written is with the kernel."""

    _leaving = False
    _refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.unsent = transport.get_write_buffer_size
        transport.set_write_buffer_limits(high=0)  # it writes at once, and tells when the kernel does not take all
        self._go_straight()

    def _go_straight(self) -> None:
        self.write: Callable[[bytes], None] = self.transport.write
        if self.transport.get_extra_info("ssl_object") is None:
            self.descriptor = self.transport.get_extra_info("socket").fileno()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # the task of the application has been made, and begins after this
            extensions = self.scope["extensions"]
            assert extensions is not None
            extensions[EXTENSION] = {"handle": self}

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if (payloads := whole_texts(data)) and self._is_between_messages():
            self.curr_msg_data_type = "text"
            for payload in payloads:
                self.frames = [payload]
                self.send_receive_event_to_app()
        else:
            super().data_received(data)

    def _is_between_messages(self) -> bool:
        """Nothing has been read that waits for its rest: the parser waits for the first byte of a frame. Where another
        release of websockets is built otherwise it never does, and every frame takes the long way."""
        parsing: Any = getattr(self.conn.parser, "gi_yieldfrom", None)
        reading: Any = getattr(parsing, "gi_yieldfrom", None)
        return getattr(reading, "gi_code", None) is _AT_A_FRAME and self.conn.current_size is None

    def handle_close(self, event: Any) -> None:
        self._tell_over()  # our answer is the last frame
        super().handle_close(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tell_over()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        self._tell_over()
        super().keepalive_timeout()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.write, self.descriptor = self._write_more, -1
        if self.owner is not None:
            self.owner.clogged()
            self._tell_if_behind()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_straight()
        if self.owner is not None:
            self.owner.drained()

    def _write_more(self, data: bytes) -> None:
        """Where something waits already."""
        self.transport.write(data)
        self._tell_if_behind()

    def _tell_if_behind(self) -> None:
        if self.owner is not None and self.unsent() > MOST_UNSENT:
            self.owner.behind()

    def is_gone(self) -> bool:
        return self.disconnected or self.close_sent or self.transport.is_closing()

    def close_with(self, code: int, reason: str) -> None:
        """What uvicorn does with `websocket.close`, without waiting until all that was written before is read."""
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def _tell_over(self) -> None:
        if self.owner is not None:
            self.owner.over()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # refused as it should be; uvicorn would log it as an error of ours

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                text = b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                if not self.close_sent:
                    self.conn.fail(INVALID_TEXT, "not valid UTF-8")
                    self.handle_parser_exception()
                return
            # The owner may deal with it in its turn: after all that the application has still to receive.
            if self.owner is not None and not self.close_sent and self.queue.empty() and self.owner.take(text):
                self.frames = []
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Says goodbye to a client that broke the protocol, and gives it time to hear it."""
        self._tell_over()
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
        """Asked by a server that stops. At a moment drawn by lot the owner says goodbye, and tells the client when to
        come back."""
        if self._leaving or not self.drain or not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self._leaving = True
        self.loop.call_later(random.uniform(0, self.drain), self._leave)

    def _leave(self) -> None:
        if self.transport.is_closing() or self.close_sent:
            return
        if self.owner is not None:
            self.owner.farewell(random.uniform(0.1, max(1.0, self.drain)))
        else:
            super().shutdown()


def whole_texts(data: bytes) -> list[bytes]:
    """What masked text frames say, if that is all that has come; nothing: it is something else, or wrong. websockets'
    own parser, made to be told of frames piecemeal, takes 16 % of an application's time that gets one at a time."""
    said: list[bytes] = []
    at, end = 0, len(data)
    while at + 6 <= end and data[at] == _TEXT and data[at + 1] >= _MASKED:
        length, mask = data[at + 1] - _MASKED, at + 2
        if length == 126:
            length, mask = int.from_bytes(data[mask : mask + 2], "big"), at + 4
        elif length == 127:
            break
        body = mask + 4
        at = body + length
        if at <= end:
            said.append(apply_mask(data[body:at], data[mask:body]))
    return said if at == end else []


_AT_A_FRAME = StreamReader.at_eof.__code__


def draining_over(seconds: float) -> type[WebSocketProtocol]:
    return type("DrainingWebSocketProtocol", (WebSocketProtocol,), {"drain": seconds})
