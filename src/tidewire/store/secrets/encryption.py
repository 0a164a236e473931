"""Secrets that are needed again in clear: sealed at rest with a key that is not in the databases."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_FORM: Final = "v1."
SEALED: Final = _FORM.encode()
"""What sealed texts begin with."""
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"tidewire sealed values"


class SealError(Exception):
    """A sealed text that is damaged, or was sealed with another key."""


class Encryption:
    """Seals and opens texts with a key derived from the secret of the data directory."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, text: str) -> str:
        """A text that shows nothing of ``text`` but its length; another one at each call."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), None)
        return _FORM + base64.urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str) -> str:
        """The text that was sealed. Raises :class:`SealError`."""
        try:
            if not sealed.startswith(_FORM):
                raise ValueError("not sealed")
            content = base64.urlsafe_b64decode(sealed.removeprefix(_FORM))
            return self._cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise SealError("a sealed value cannot be opened: was the file of secrets replaced?") from None
