"""What is queued comes out as it went in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidewire.realtime.wire.write_queue import BLOCK_BYTES, WriteQueue

SIZES = st.integers(1, BLOCK_BYTES)
MESSAGES = st.builds(lambda size, byte: bytes([byte]) * size, SIZES, st.integers(0, 255))


@given(st.lists(st.one_of(MESSAGES, st.none()), max_size=30))
def test_everything_comes_out_in_order(actions: list[bytes | None]) -> None:
    queued, expected, taken = WriteQueue(), b"", b""
    for message in actions:
        if message is not None:
            queued.add(message)
            expected += message
        elif queued:
            taken += queued.take()
        assert len(queued) == len(expected) - len(taken)
    while queued:
        block = queued.take()
        assert len(block) < 2 * BLOCK_BYTES
        taken += block
    assert taken == expected
