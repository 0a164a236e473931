"""Ranges of texts that begin alike, which an index answers."""

from __future__ import annotations


def following(prefix: str) -> str | None:
    """The least text that is greater than all texts with the prefix; None if there is none."""
    for length in range(len(prefix), 0, -1):
        code = ord(prefix[length - 1]) + 1
        if code <= 0x10FFFF:
            # Surrogates are no characters.
            return prefix[: length - 1] + chr(0xE000 if code == 0xD800 else code)
    return None
