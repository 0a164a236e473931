"""How deep a JSON text nests, how many values it has, and which names stand twice in one of its objects.

For texts that are read at once, some ten nanoseconds a byte; arrays do the same several times as fast
(:mod:`tidewire.core.json_structure`), where they are loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from itertools import accumulate
from typing import Any, Final, TypeVar

from tidewire.core.errors import TidewireError

DEEPEST_NESTING: Final = 128
"""The deepest nesting of arrays and objects. Whoever reads a value later, with whatever stack is left, must
be able to."""
TOO_DEEP: Final = f"The JSON is nested deeper than {DEEPEST_NESTING} levels."
CONTAINER_WEIGHT: Final = 4
"""An array or object counts as so many values: that is what it costs in memory, and to be freed."""
STEP_BYTES: Final = 24 * 1024
"""Bytes of text that are decoded in one step, which takes a millisecond at most."""

Steps = Generator[None, None, Any]
"""Each step takes a millisecond at most, but for a single string, which is one step; returns a value."""

T = TypeVar("T")

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""Brackets as signed bytes: 1 for entering an array or object, -1 for leaving it."""
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))


def at_once(steps: Generator[None, None, T]) -> T:
    """The value that steps return, all of which are taken without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


def containers_in(text: str | bytes | bytearray) -> int:
    """How many arrays and objects a JSON text has, at most: those within strings count too."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def nests_too_deep(text: str | bytes) -> bool:
    """Whether a text nests deeper than :data:`DEEPEST_NESTING`. Of what is no JSON it may say either."""
    return _deepest(_without_strings(text)) > DEEPEST_NESTING


def require_bounded(text: str | bytes, limit: int) -> None:
    """Refuse a JSON text of more than ``limit`` values, or one that is too deep.

    Raises :class:`TidewireError` ``general_content_too_large`` and ``general_argument_invalid``.
    """
    outside = _without_strings(text)
    if _deepest(outside) > DEEPEST_NESTING:
        raise too_deep()
    if 1 + outside.count(b",") + CONTAINER_WEIGHT * containers_in(outside) > limit:
        raise too_many(limit)


def require_once(text: bytes, names: Sequence[str]) -> None:
    """Refuse a JSON text in which one of ``names`` stands twice in one object, at whatever depth.

    The text was decoded before: it is known to be JSON. Raises :class:`TidewireError`
    ``general_argument_invalid``. It is looked through only where it has such a name twice, or escapes.
    """
    if b"\\u" not in text and all(text.count(b'"%b"' % name.encode()) < 2 for name in names):
        return

    def check(members: list[tuple[str, Any]]) -> None:
        given = [name for name, _ in members if name in names]
        if len(given) != len(set(given)):
            raise given_twice(given[-1])

    # Numbers may be longer than Python reads.
    json.loads(text, object_pairs_hook=check, parse_int=str)


def given_twice(name: str) -> TidewireError:
    """What is raised where ``name`` stands twice."""
    return TidewireError("general_argument_invalid", f"`{name}` stands twice in one object of the body.")


def too_deep() -> TidewireError:
    """The refusal of a text that nests too deeply."""
    return TidewireError("general_argument_invalid", TOO_DEEP, limit="levels of a body")


def too_many(limit: int) -> TidewireError:
    """The refusal of a text with too many values."""
    return TidewireError(
        "general_content_too_large",
        f"The JSON has more than {limit} values, where an array or object counts as "
        f"{CONTAINER_WEIGHT}: send it in several parts.",
        limit="values of a body",
    )


def _without_strings(text: str | bytes) -> bytes:
    return _STRING.sub(b"", text.encode() if isinstance(text, str) else text)


def _deepest(outside: bytes) -> int:
    """Levels of a text without strings."""
    steps = outside.translate(_STEPS, _NO_BRACKET)
    return max(accumulate(memoryview(steps).cast("b")), default=0)
