"""How objects hold content: in blocks, each of which is read by itself and none of which can be changed."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewire.core.uploads import Compression
from tidewire.store.objects.coding import BLOCK_BYTES, TAG_BYTES, DamagedError, Decoder, Encoder

KEY = b"k" * 32
NAME = "shop/20260101/object"
COMPRESSIONS: list[Compression] = ["none", "gzip", "zstd"]


def stored(
    content: bytes, compression: Compression, key: bytes | None, name: str = NAME, piece: int = 100_000
) -> bytes:
    encoder = Encoder(name, compression, key)
    made = [encoder.add(content[at : at + piece]) for at in range(0, len(content), piece)]
    return b"".join([*made, encoder.end()])


def opened(
    held: bytes, size: int, compression: Compression, key: bytes | None, name: str = NAME
) -> list[bytes]:
    """The content of each block, read by itself, the last first."""
    decoder = Decoder(name, size, len(held), compression, key)
    if decoder.index[1]:
        decoder.read_index(held[slice(*decoder.index)])
    blocks = [
        decoder.open(number, number + 1, held[slice(*decoder.place(number, number + 1))])
        for number in reversed(range(decoder.count))
    ]
    return blocks[::-1]


@settings(max_examples=40, deadline=None)
@given(
    size=st.one_of(
        st.integers(0, 3), st.sampled_from([BLOCK_BYTES + d for d in (-1, 0, 1)]), st.integers(0, 400_000)
    ),
    random=st.booleans(),
    compression=st.sampled_from(COMPRESSIONS),
    key=st.sampled_from([None, KEY]),
    piece=st.integers(1_000, 300_000),
)
def test_each_block_is_read_by_itself(
    size: int, random: bool, compression: Compression, key: bytes | None, piece: int
) -> None:
    content = os.urandom(size) if random else (b"line of text\n" * (size // 13 + 1))[:size]
    held = stored(content, compression, key, piece=piece)
    blocks = opened(held, size, compression, key)
    assert b"".join(blocks) == content
    assert all(len(block) == BLOCK_BYTES for block in blocks[:-1])
    if compression != "none" and not random and size > 1000:
        assert len(held) < size / 5
    assert len(held) <= size + (len(blocks) + 1) * (TAG_BYTES + 4)
    if key and size > 100:
        assert content[:40] not in held


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_nothing_can_be_changed(compression: Compression) -> None:
    content = os.urandom(2 * BLOCK_BYTES) + b"text" * 50_000
    size = len(content)
    held = stored(content, compression, KEY)
    for at in (0, 10, BLOCK_BYTES + 20, len(held) - 1, len(held) - 30):
        changed = bytearray(held)
        changed[at] ^= 1
        with pytest.raises(DamagedError):
            opened(bytes(changed), size, compression, KEY)
    block = BLOCK_BYTES + TAG_BYTES
    with pytest.raises(DamagedError):  # two blocks of one length, the one in the place of the other
        opened(held[block : 2 * block] + held[:block] + held[2 * block :], size, compression, KEY)
    for name, key in (("another", KEY), (NAME, b"l" * 32)):
        with pytest.raises(DamagedError):
            opened(held, size, compression, key, name)
    for shorter in (b"", held[:5], held[:block], held[:-1], held[:-TAG_BYTES]):
        with pytest.raises(DamagedError):
            opened(shorter, size, compression, KEY)
    with pytest.raises(DamagedError):
        opened(held, size, "gzip" if compression == "zstd" else "zstd", KEY)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_is_only_compressed_unpacks_to_no_more_than_it_should(compression: Compression) -> None:
    content = bytes(BLOCK_BYTES)
    bomb = stored(content, compression, None)
    with pytest.raises(DamagedError):
        opened(bomb, 1000, compression, None)
    for at in range(0, len(bomb), 3):
        changed = bytearray(bomb)
        changed[at] ^= 0x55
        with suppress(DamagedError):
            assert opened(bytes(changed), BLOCK_BYTES, compression, None) == [content]
