"""A small application behind the real server: tells who asks, echoes over the socket, writes down how sockets end."""

import sys

from saas import server


async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": scope["client"][0][:2].encode()})
    if scope["type"] == "websocket":
        await _echo(receive, send)


async def _echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": event.get("text") or "binary"})
    print("ended with", event.get("code"), flush=True)


if __name__ == "__main__":
    listening = server.listen("127.0.0.1:0")
    print(listening.getsockname()[1], flush=True)
    getattr(server, f"run_{sys.argv[1]}")(application, listening, drain=1.0)
