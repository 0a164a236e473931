"""Large JSON is decoded in steps to what it is when decoded at once, and refused where that is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewire.api.large_json import LargeJson
from tidewire.core import json_bounds, json_pieces, json_structure
from tidewire.core.errors import TidewireError
from tidewire.core.json_bounds import DEEPEST_NESTING, at_once
from tidewire.core.json_steps import is_too_deep
from tidewire.core.json_structure import structure_in_steps

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=9)
    | st.sampled_from(['"', "\\", "\\\\", '\\"', ",", "[", "]", "{}", '",["', "x" * 50]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner, max_size=6),
    max_leaves=40,
)
BROKEN = st.lists(
    st.sampled_from(
        ["[", "]", "{", "}", ",", ":", '"', "\\", '"a"', '"a":', "1", " ", "\n", "null", "[1,2]"]
    ),
    max_size=40,
).map("".join)


async def _hold(size: int) -> None:
    assert size > 0


async def decoded(text: bytes, limit: int = 1_000_000) -> Any:
    return await LargeJson(limit).decode(bytearray(text), _hold)


@pytest.fixture
def tiny_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "STEP_BYTES", 4)
    monkeypatch.setattr(json_structure, "_BLOCK_BYTES", 7)


def agree(text: bytes) -> None:
    try:
        expected = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            asyncio.run(decoded(text))
    else:
        assert msgspec.json.encode(asyncio.run(decoded(text))) == msgspec.json.encode(expected)


@pytest.mark.usefixtures("tiny_steps")
def test_what_is_json_is_decoded_as_at_once() -> None:
    @settings(max_examples=300)
    @given(VALUES, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (" , ", " : ")]))
    def check(value: Any, indent: int | None, separators: tuple[str, str]) -> None:
        agree(json.dumps(value, indent=indent, separators=separators).encode())

    check()


@pytest.mark.usefixtures("tiny_steps")
def test_what_is_no_json_is_refused() -> None:
    @settings(max_examples=1500)
    @given(BROKEN)
    def check(text: str) -> None:
        if text:
            agree(text.encode())

    check()


@pytest.mark.parametrize(
    "text",
    [b'{"a":[%b]}' % b",".join([b"[]"] * 260_000), b"[%b]" % b",".join([b"1"] * 1_000_001), b"{" * 200_000],
)
async def test_too_many_values_or_levels_are_refused(text: bytes) -> None:
    with pytest.raises(TidewireError):
        await decoded(text)


async def test_what_stands_in_strings_does_not_count() -> None:
    text = b'{"a":"%b"}' % (b'[{,\\\\\\",' * 500_000)
    assert at_once(structure_in_steps(bytearray(text), 100)).weight < 10
    assert await decoded(text) == msgspec.json.decode(text)


def test_how_deep_a_text_nests_is_known_before_it_is_decoded() -> None:
    deepest = "[" * DEEPEST_NESTING + "]" * DEEPEST_NESTING
    for text in (
        deepest,
        f"[{','.join(['[]'] * 1000)}]",
        json.dumps([deepest * 9]),
        '{"a":"\\"[[["}' + " " * 9,
    ):
        assert not is_too_deep(text)
        assert not is_too_deep(text.encode())
    for text in (f"[{deepest}]", '{"a":' * 129 + "1" + "}" * 129, "[" * 1_000_000):
        assert is_too_deep(text)
        assert is_too_deep(text.encode())


def test_with_arrays_and_without_the_same_is_refused() -> None:
    def refusal(look: Callable[[], object]) -> str:
        try:
            look()
        except TidewireError as error:
            return error.message
        return ""

    @settings(max_examples=300)
    @given(VALUES.map(json.dumps) | BROKEN, st.integers(1, 60), st.integers(0, 140))
    def check(text: str, limit: int, levels: int) -> None:
        # A string that does not end may be cut elsewhere: that is no JSON.
        deep = "[" * levels + text + "]" * levels
        try:
            msgspec.json.decode(deep)
        except (msgspec.DecodeError, RecursionError):
            return
        with_arrays = refusal(lambda: at_once(structure_in_steps(bytearray(deep.encode()), limit)))
        assert (
            refusal(lambda: json_bounds.require_bounded(deep, limit)).split(":")[0]
            == with_arrays.split(":")[0]
        )
        assert json_bounds.nests_too_deep(deep) == json_structure.nests_too_deep(deep)

    check()


async def test_others_go_on_meanwhile() -> None:
    """What is decoded in steps lets everything else have turns."""
    text = b'{"rows":[%b]}' % b",".join(b'{"n":%d,"text":"some text"}' % n for n in range(100_000))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    assert len((await decoded(text))["rows"]) == 100_000
    counting.cancel()
    assert turns > 20
