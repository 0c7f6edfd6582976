"""The short way in for whole frames, against websockets' own parser, which takes all the others."""

import asyncio
import os

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Side
from websockets.protocol import Protocol as Parser
from websockets.server import ServerProtocol

from saas.websocket import LARGEST_FRAME, WebSocketProtocol, whole_texts
from tests.saas.test_server import Echo

TEXT, CONTINUED, PING, CLOSE = Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.CLOSE


def framed(opcode, payload, fin=True):
    return Frame(opcode, payload, fin).serialize(mask=True)


def parsed(data):
    """What websockets makes of it: the frames, and whether something is left or wrong."""
    parser = Parser(Side.SERVER, state=OPEN, max_size=LARGEST_FRAME)
    try:
        parser.receive_data(data)
    except WebSocketException:
        return [], True
    return parser.events_received(), parser.parser_exc is not None or bool(parser.reader.buffer)


@given(st.binary(max_size=300) | st.integers(0, LARGEST_FRAME - 1).map(os.urandom))
@settings(max_examples=200, deadline=None)
def test_a_whole_text_frame_is_read_as_it_was_said(payload):
    assert whole_texts(framed(TEXT, payload)) == [payload]


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_so_are_several_that_come_together(payloads):
    assert whole_texts(b"".join(framed(TEXT, payload) for payload in payloads)) == payloads


@given(st.data(), st.sampled_from([TEXT, CONTINUED, Opcode.BINARY, PING, CLOSE]), st.binary(max_size=125))
@settings(max_examples=500, deadline=None)
def test_nothing_is_read_that_the_parser_would_read_otherwise(data, opcode, payload):
    """Frames of every kind, cut, lengthened and with a byte changed, alone and after a whole one."""
    before = data.draw(st.sampled_from([[], [b"a whole one"]]))
    frame = bytearray(framed(opcode, payload, fin=opcode in (PING, CLOSE) or data.draw(st.booleans())))
    match data.draw(st.sampled_from(["as it is", "cut", "longer", "changed"])):
        case "cut":
            del frame[data.draw(st.integers(0, len(frame) - 1)) :]
        case "longer":
            frame += data.draw(st.binary(min_size=1, max_size=20))
        case "changed":
            frame[data.draw(st.integers(0, min(5, len(frame) - 1)))] = data.draw(st.integers(0, 255))
    everything = b"".join(framed(TEXT, each) for each in before) + bytes(frame)
    if said := whole_texts(everything):
        frames, is_wrong = parsed(everything)
        assert not is_wrong
        assert [(each.opcode, each.fin, bytes(each.data)) for each in frames] == [(TEXT, True, each) for each in said]


def test_the_short_way_is_taken_between_messages_and_only_there():
    protocol = WebSocketProtocol.__new__(WebSocketProtocol)
    protocol.conn = ServerProtocol(state=OPEN)
    assert protocol._is_between_messages()
    frame = framed(TEXT, b"in two pieces")
    for cut in range(1, len(frame)):
        protocol.conn.receive_data(frame[:cut])
        assert not protocol._is_between_messages(), cut
        protocol.conn.receive_data(frame[cut:])
        assert protocol._is_between_messages()
    protocol.conn.receive_data(framed(TEXT, b"the first ", fin=False))
    assert not protocol._is_between_messages()
    protocol.conn.receive_data(framed(CONTINUED, b"and the last"))
    assert protocol._is_between_messages()
    protocol.conn.receive_data(framed(CLOSE, b"\x03\xe8"))
    assert not protocol._is_between_messages()


async def test_what_is_said_is_heard_the_same_wherever_it_is_cut():
    said = [
        framed(TEXT, b"a whole one"),
        framed(TEXT, b"x" * 126),
        framed(PING, b""),
        framed(TEXT, b"in ", fin=False),
        framed(PING, b"between"),
        framed(CONTINUED, b"two"),
        framed(TEXT, "ß".encode()),
        framed(TEXT, b"the end"),
    ]
    everything = b"".join(said)
    heard = ["a whole one", "x" * 126, "in two", "ß", "the end"]
    cuts = [[], *([at] for at in range(1, len(everything), 3)), [sum(map(len, said[:n])) for n in range(1, len(said))]]
    uvicorn = Echo("uvicorn")
    try:
        for some in cuts:
            async with uvicorn.socket() as ws:
                for begin, end in zip([0, *some], [*some, len(everything)], strict=True):
                    ws.transport.write(everything[begin:end])
                    await asyncio.sleep(0.003)  # so that it is read as it was written
                assert [await asyncio.wait_for(ws.recv(), 60) for _ in heard] == heard, some
    finally:
        uvicorn.end()
