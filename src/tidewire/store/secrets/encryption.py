"""Secrets at rest that need a key which is not in the databases: sealed texts, and digests of short ones."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidewire.store.secrets.purposes import derived_key

_FORM: Final = "v1."
SEALED: Final = _FORM.encode()
"""What sealed texts begin with."""
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"tidewire sealed values"
_DIGEST_PURPOSE: Final = b"tidewire digests of one-time secrets"


class SealError(Exception):
    """A sealed text that is damaged, or was sealed with another key."""


class Encryption:
    """Seals, opens and digests texts with keys derived from the secret of the data directory."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(derived_key(secret, _PURPOSE))
        self._digest_key = derived_key(secret, _DIGEST_PURPOSE)

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

    def digest(self, text: str) -> str:
        """What tells ``text`` again, and shows it to nobody without the key: hexadecimal HMAC-SHA-256.

        For codes of a few digits, which a plain hash gives away to whoever tries all of them.
        """
        return hmac.new(self._digest_key, text.encode(), hashlib.sha256).hexdigest()
