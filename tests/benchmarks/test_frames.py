"""What a lean client cuts out of a stream of bytes."""

import pytest

from benchmarks.frames import CLOSE, PING, TEXT, Broken, Reader, framed, masked


def frame(payload: bytes, opcode: int = TEXT, *, last: bool = True) -> bytes:
    """As a server writes it: not masked."""
    size, first = len(payload), (0x80 if last else 0) | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_frame_of_any_size_is_read_however_it_is_cut(size: int) -> None:
    stream = frame(b"x" * size) + frame(b"next")

    for cut in (1, 2, 3, 7, len(stream) // 2, len(stream) - 1):
        reader = Reader()
        read = [*reader.read(stream[:cut]), *reader.read(stream[cut:])]
        assert read == [(TEXT, b"x" * size), (TEXT, b"next")]


def test_a_message_in_parts_is_one_and_a_ping_between_them_is_no_part_of_it() -> None:
    stream = frame(b"hel", last=False) + frame(b"?", PING) + frame(b"lo", 0)

    assert list(Reader().read(stream)) == [(PING, b"?"), (TEXT, b"hello")]


def test_what_is_masked_twice_is_as_it_was() -> None:
    for size in (0, 1, 3, 4, 5, 1000):
        payload = bytes(range(256)) * 4
        assert masked(masked(payload[:size], b"\x00abc"), b"\x00abc") == payload[:size]


def test_what_we_write_is_masked() -> None:
    written = framed(b"hello")

    assert written[:2] == bytes((0x81, 0x85))
    assert masked(written[6:], written[2:6]) == b"hello"
    assert framed(b"\x03\xe8", CLOSE)[0] == 0x88


def test_a_server_that_masks_is_no_server() -> None:
    with pytest.raises(Broken):
        list(Reader().read(framed(b"hello")))
