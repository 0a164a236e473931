"""JSON texts that are looked through before they are decoded, and decoded in steps if they are long.

Long texts are looked through with arrays. To load what does so takes a tenth of a second and 13 MB, so that
it is done when it is first of use, in a thread; until it is there, texts are looked through without.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module
from typing import Final

import msgspec

from tidewire.core import json_bounds
from tidewire.core.json_bounds import DEEPEST_NESTING, STEP_BYTES, Steps, containers_in, require_bounded

_LONGEST_WITHOUT: Final = 64 * 1024
"""Characters that take a few milliseconds to look through without arrays."""

_loaded: Final = threading.Event()


def load_arrays() -> None:
    """Load what long texts are read with; for a thread."""
    import_module("tidewire.core.json_pieces")
    _loaded.set()


def has_arrays() -> bool:
    """Whether it is loaded."""
    return _loaded.is_set()


def is_too_deep(text: str | bytes) -> bool:
    """Whether a text nests deeper than :data:`DEEPEST_NESTING`. Of what is no JSON it may say either."""
    if containers_in(text) <= DEEPEST_NESTING:  # most texts are not looked through
        return False
    if len(text) > STEP_BYTES:
        if has_arrays() or len(text) > _LONGEST_WITHOUT:
            from tidewire.core.json_structure import nests_too_deep

            return nests_too_deep(text)
        _load_soon()
    return json_bounds.nests_too_deep(text)


def text_in_steps(text: str, limit: int) -> Steps:
    """The value of a JSON text of at most ``limit`` values.

    Raises msgspec's DecodeError, and :class:`TidewireError` ``general_argument_invalid`` where it nests too
    deeply and ``general_content_too_large`` where it has too many values, before anything is made of it.
    """
    if len(text) > STEP_BYTES:
        from tidewire.core.json_pieces import text_in_pieces

        return (yield from text_in_pieces(text, limit))
    if containers_in(text) > DEEPEST_NESTING:
        require_bounded(text, limit)
    return msgspec.json.decode(text)


@cache
def _load_soon() -> None:
    threading.Thread(target=load_arrays, name="arrays", daemon=True).start()
