"""Keys for one purpose each, derived from the one secret of a data directory.

What is signed for one purpose counts for no other, whatever it says (HKDF, RFC 5869).
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Purpose = Literal["user tokens", "ephemeral keys", "decoys", "first sign-up", "file tokens", "files for push"]
_KEY_BYTES: Final = 32
_CODE_BYTES: Final = 10
_GROUP: Final = 4


@lru_cache(maxsize=64)
def key_for(purpose: Purpose, secret: bytes) -> bytes:
    """The key for a purpose, always the same."""
    return derived_key(secret, b"tidewire: " + purpose.encode())


def derived_key(secret: bytes, info: bytes) -> bytes:
    """A key of 32 bytes; who has it learns nothing of ``secret``, or of the key for another ``info``."""
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(secret)


def sign_up_code(secret: bytes) -> str:
    """What lets somebody elsewhere make the first account of the console: 80 bits, in groups of letters."""
    text = base64.b32encode(key_for("first sign-up", secret)[:_CODE_BYTES]).decode()
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
