"""The reading side: however the bytes are cut, the same messages; and nothing kept when idle."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.realtime.world import read_frames
from tidewire.realtime.wire.frame_decoder import FrameDecoder, Received, read_alone

LIMIT = 1000


def _masked(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def _messages(received: Received) -> list[str]:
    return [step for step in received.steps if isinstance(step, str)]


def _output(received: Received) -> bytes:
    return b"".join(step for step in received.steps if isinstance(step, bytes))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """Messages, and their frames: fragmented anywhere, with control frames in between."""
    messages, wire = [], b""
    for text in draw(st.lists(st.text(max_size=60), max_size=5)):
        messages.append(text)
        data = text.encode("utf-8", "replace")
        messages[-1] = data.decode()
        cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(data)], strict=True)):
            opcode = Opcode.CONT if number else Opcode.TEXT
            wire += _masked(opcode, data[start:end], fin=number == len(cuts))
            wire += draw(st.sampled_from([b"", _masked(Opcode.PING, b"?"), _masked(Opcode.PONG, b"")]))
    return messages, wire


@given(conversations(), st.lists(st.integers(1, 40), min_size=1))
def test_messages_do_not_depend_on_the_cuts(conversation: tuple[list[str], bytes], steps: list[int]) -> None:
    expected, wire = conversation
    messages, inbound, position, step = [], None, 0, 0
    while position < len(wire):
        end = position + steps[step % len(steps)]
        inbound = inbound or FrameDecoder(LIMIT)
        received = inbound.receive(wire[position:end])
        messages += _messages(received)
        assert not received.ended
        if inbound.idle:
            inbound = None
        position, step = end, step + 1
    assert messages == expected
    assert inbound is None


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (_masked(Opcode.TEXT, b"\xff"), 1007),
        (_masked(Opcode.TEXT, b"\xc3", fin=False) + _masked(Opcode.CONT, b"x"), 1007),
        (_masked(Opcode.BINARY, b"x"), 1003),
        (_masked(Opcode.TEXT, b"x" * (LIMIT + 1)), 1009),
        (_masked(Opcode.TEXT, b"x" * LIMIT, fin=False) + _masked(Opcode.CONT, b"x"), 1009),
        (b"\x81\xff" + (2**63).to_bytes(8, "big"), 1009),
        (Frame(Opcode.TEXT, b"x").serialize(mask=False), 1002),
        (_masked(Opcode.CONT, b"x"), 1002),
        (_masked(Opcode.TEXT, b"x", fin=False) + _masked(Opcode.TEXT, b"x"), 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (b"\xc1\x80\x00\x00\x00\x00", 1002),
        (b"\x09\x80\x00\x00\x00\x00", 1002),
        (_masked(Opcode.CLOSE, b"\x00"), 1002),
        (_masked(Opcode.CLOSE, b"\x03\xe8\xff"), 1007),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else str(value),
)
def test_broken_frames_end_it_with_their_status(wire: bytes, status: int) -> None:
    received = FrameDecoder(LIMIT).receive(_masked(Opcode.TEXT, b"before") + wire)
    assert _messages(received) == ["before"]
    assert received.ended
    [frame] = read_frames(_output(received))
    assert frame.opcode is Opcode.CLOSE
    assert int.from_bytes(bytes(frame.data)[:2], "big") == status


@pytest.mark.parametrize("data", [b"", b"\x03\xe8", b"\x03\xf0bye"])
def test_a_close_frame_is_answered_alike(data: bytes) -> None:
    received = FrameDecoder(LIMIT).receive(_masked(Opcode.CLOSE, data))
    assert received.ended
    assert received.closed
    [frame] = read_frames(_output(received))
    assert bytes(frame.data) == data


def test_a_message_of_the_greatest_size_passes() -> None:
    half = b"x" * (LIMIT // 2)
    received = FrameDecoder(LIMIT).receive(_masked(Opcode.TEXT, half, fin=False) + _masked(Opcode.CONT, half))
    assert _messages(received) == ["x" * LIMIT]


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(data: bytes) -> None:
    received = FrameDecoder(LIMIT).receive(data)
    assert not received.ended or read_frames(_output(received))


def test_answers_to_pings_keep_their_place_among_the_messages() -> None:
    wire = _masked(Opcode.PING, b"1") + _masked(Opcode.TEXT, b"a") + _masked(Opcode.PING, b"2")
    received = FrameDecoder(LIMIT).receive(wire + _masked(Opcode.TEXT, b"b") + _masked(Opcode.CLOSE, b""))
    assert received.steps == [b"\x8a\x011", "a", b"\x8a\x012", "b", b"\x88\x00"]


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(_masked, st.sampled_from([Opcode.TEXT, Opcode.PONG, Opcode.PING]), st.binary(max_size=125)),
        st.builds(lambda text: _masked(Opcode.TEXT, text.encode()), st.text(max_size=LIMIT)),
    )
)
def test_what_is_read_alone_is_what_is_read_otherwise(data: bytes) -> None:
    alone = read_alone(data, LIMIT)
    if alone is not None:
        inbound = FrameDecoder(LIMIT)
        received = inbound.receive(data)
        assert [*received.steps, *received.pongs] == [alone]
        assert inbound.idle
        assert not received.ended


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, LIMIT])
def test_a_whole_message_is_read_alone(size: int) -> None:
    data = _masked(Opcode.TEXT, b"x" * size)
    assert read_alone(data, LIMIT) == "x" * size
    assert read_alone(data[:-1], LIMIT) is None
    assert read_alone(data + b"x", LIMIT) is None
    assert read_alone(data, size - 1) is None


def test_a_whole_pong_is_read_alone() -> None:
    assert read_alone(_masked(Opcode.PONG, b"17"), LIMIT) == b"17"
    assert read_alone(b"\x8a\xfe\x00\x80" + bytes(4 + 128), LIMIT) is None, "control frames are short"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "wire",
    [
        _masked(Opcode.TEXT, b"whole"),
        _masked(Opcode.TEXT, b"cut off")[:5],
        _masked(Opcode.TEXT, b"first part", fin=False),
        _masked(Opcode.TEXT, bytes([0xFF])),
        _masked(Opcode.TEXT, b"a" * (LIMIT + 1)),
        _masked(Opcode.CLOSE, b""),
        bytes([0xFF]) * 5,
    ],
    ids=["whole", "half", "fragment", "not UTF-8", "too large", "close", "broken"],
)
def test_what_is_closed_leaves_nothing_to_the_garbage_collector(wire: bytes, compressed: bool) -> None:
    gc.disable()
    try:
        decoder = FrameDecoder(LIMIT, compressed=compressed)
        core = weakref.ref(decoder._protocol)
        decoder.receive(wire)
        decoder.close()
        del decoder
        assert core() is None
    finally:
        gc.enable()
