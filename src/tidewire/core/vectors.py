"""Vectors: arrays of numbers of single precision, all of one length within a collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LARGEST: Final = 3.4028235677973366e38
"""The smallest magnitude that single precision cannot hold."""


def vector_problem(value: Sequence[object], dimension: int) -> str:
    """What keeps an array from being a vector of a dimension; empty if nothing does."""
    if len(value) != dimension:
        return f"it must have {dimension} numbers, not {len(value)}."
    for element in value:
        if isinstance(element, bool) or not isinstance(element, int | float):
            return "it must be an array of numbers."
        if not -LARGEST < element < LARGEST:
            return "its numbers must be of single precision."
    return ""
