"""The texts that list operations search in."""

from __future__ import annotations

from tidewire.core.folding import fold


def search_text(*words: str | None) -> str:
    """The value of a ``search`` column: the words that there are, in lower case."""
    return fold(" ".join(word for word in words if word))
