"""Portable hashes of phpass, which WordPress, phpBB and Drupal 7 among others stored: ``$P$`` or ``$H$``.

A hash is the prefix, one character for the cost (the binary logarithm of the number of rounds), eight of
salt, and 22 for the result of MD5 repeated over the password.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM: Final = re.compile(r"\$[PH]\$(?P<cost>[./0-9A-Za-z])(?P<salt>.{8})(?P<result>[./0-9A-Za-z]{22})")


def phpass_cost(text: str) -> int | None:
    """Binary logarithm of the number of rounds; None if the text is no such hash."""
    match = _FORM.fullmatch(text)
    cost = _ALPHABET.index(match["cost"]) if match else 0
    return cost if 7 <= cost <= 30 else None


def verify_phpass(text: str, password: str) -> bool:
    """Tell whether ``password`` has this hash. Takes as long as the hash's cost says."""
    match, cost = _FORM.fullmatch(text), phpass_cost(text)
    if match is None or cost is None:
        return False
    secret = password.encode()
    digest = _md5(match["salt"].encode() + secret)
    for _ in range(1 << cost):
        digest = _md5(digest + secret)
    return hmac.compare_digest(_encode(digest).encode(), match["result"].encode())


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _encode(data: bytes) -> str:
    """Six bits a character, the lowest first; each three bytes are taken as one little-endian number."""
    characters = []
    for start in range(0, len(data), 3):
        group = data[start : start + 3]
        number = int.from_bytes(group, "little")
        characters += [_ALPHABET[number >> shift & 63] for shift in range(0, 8 * len(group), 6)]
    return "".join(characters)
