"""Ranges of texts that begin alike but for the case of letters, which an index answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, or_

from tidewire.core.folding import beginnings
from tidewire.store.engine.dialect import within_range


def ranges_of(prefix: str) -> list[str]:
    """Ends of ranges, lower and upper in turn, that hold every text that begins with the folded ``prefix``.

    Empty if nothing is left out.
    """
    ends: list[str] = []
    for beginning in beginnings(prefix):
        end = _following(beginning)
        if end is None:
            return []
        ends += [beginning, end]
    return ends


def within_ranges(text: ColumnElement[Any], ends: Sequence[ColumnElement[Any]]) -> list[ColumnElement[bool]]:
    """The condition that a text is in one of the ranges; none if there are none."""
    ranges = [within_range(text, low, high) for low, high in zip(ends[::2], ends[1::2], strict=True)]
    return [or_(*ranges)] if ranges else []


def _following(prefix: str) -> str | None:
    """The least text that is greater than all texts with the prefix; None if there is none."""
    for length in range(len(prefix), 0, -1):
        code = ord(prefix[length - 1]) + 1
        if code <= 0x10FFFF:
            # Surrogates are no characters.
            return prefix[: length - 1] + chr(0xE000 if code == 0xD800 else code)
    return None
