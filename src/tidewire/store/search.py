"""The texts that list operations search in."""

from __future__ import annotations


def search_text(*words: str | None) -> str:
    """The value of a ``search`` column: the words that there are, in lower case."""
    return " ".join(word for word in words if word).lower()
