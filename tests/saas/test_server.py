import asyncio
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from saas import server

ROOT = Path(__file__).parents[2]


class Echo:
    def __init__(self, kind):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.saas.echo", kind],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def socket(self):
        return connect(f"ws://127.0.0.1:{self.port}/", max_size=None, open_timeout=60)

    def end(self):
        """What it wrote down, and what it complained of."""
        self.process.terminate()
        said, complaints = self.process.communicate(timeout=60)
        return said.split("\n")[:-1], complaints


@pytest.fixture(params=["uvicorn", "daphne"])
def any_server(request):
    echo = Echo(request.param)
    yield echo
    echo.end()


@pytest.fixture
def uvicorn():
    echo = Echo("uvicorn")
    yield echo
    echo.end()


async def closed(ws):
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(ws.recv(), 60)
    return ws.close_code


async def test_it_answers_and_keeps_its_name_to_itself(any_server):
    answer = httpx.get(f"http://127.0.0.1:{any_server.port}/", headers={"X-Forwarded-For": "66.6.6.6"})
    assert answer.text == "12"  # of 127.0.0.1: nobody is believed about who they are but by the door
    assert "server" not in answer.headers
    async with any_server.socket() as ws:
        assert not ws.response.headers.get("Server")
        assert "Sec-WebSocket-Extensions" not in ws.response.headers
        await ws.send("שלום 👋")
        assert await ws.recv() == "שלום 👋"


async def test_the_largest_frame_passes_and_one_byte_more_does_not(uvicorn):
    async with uvicorn.socket() as ws:
        await ws.send("x" * 65536)
        assert len(await ws.recv()) == 65536
        await ws.send("x" * 65537)
        assert await closed(ws) == 1009


async def test_a_client_far_beyond_the_limit_still_hears_the_code(uvicorn):
    async with uvicorn.socket() as ws:
        await ws.send("x" * 2_000_000)
        assert await closed(ws) == 1009


@pytest.mark.parametrize("frames", [b"\xff\xfe", [b"h\xc3", b"(a"], [b"cut short", b"\xc3"]])
async def test_text_that_is_not_utf8_closes_with_4400_and_no_traceback(uvicorn, frames):
    async with uvicorn.socket() as ws:
        await ws.send(frames, text=True)
        assert await closed(ws) == 4400
    said, complaints = uvicorn.end()
    assert said == ["ended with 4400"]
    assert complaints == ""


async def test_a_character_may_be_cut_by_frames(uvicorn):
    async with uvicorn.socket() as ws:
        await ws.send([b"h\xc3", b"\xa9"], text=True)
        assert await ws.recv() == "hé"


async def test_a_stopping_server_says_goodbye_to_all_but_not_to_all_at_once(uvicorn):
    sockets = [await uvicorn.socket() for _ in range(30)]
    loop = asyncio.get_running_loop()
    uvicorn.process.terminate()

    async def when_closed(ws):
        return await closed(ws), loop.time()

    ends = await asyncio.gather(*map(when_closed, sockets))
    assert {code for code, _ in ends} == {1012}
    # Thirty moments drawn from one second lie within a tenth of it once in 10^28 runs.
    times = sorted(time for _, time in ends)
    assert times[-1] - times[0] > 0.1
    said, complaints = uvicorn.end()
    assert said == ["ended with 1012"] * 30
    assert complaints == ""
    assert uvicorn.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_being_asked_to_stop_is_no_failure(any_server, number):
    httpx.get(f"http://127.0.0.1:{any_server.port}/")
    any_server.process.send_signal(number)
    assert any_server.process.wait(60) == 0


def test_metrics_are_served_on_an_address_of_their_own():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server.serve_metrics(f"127.0.0.1:{port}", 0)
    assert re.search(r"^process_resident_memory_bytes ", httpx.get(f"http://127.0.0.1:{port}/metrics").text, re.M)


def test_a_taken_address_for_metrics_does_not_stop_the_server(caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server.serve_metrics(f"127.0.0.1:{taken.getsockname()[1]}", 0)
    assert "No metrics on 127.0.0.1" in caplog.text
