"""Keys of stored files: one for each object, sealed with a key of the project that is derived from a secret.

What is sealed says with which generation of the secret, so that the secret can be replaced: then the sealed
keys are sealed anew, and the objects stay as they are.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidewire.store.secrets.purposes import derived_key
from tidewire.store.secrets.secret_file import Secrets, read_secrets

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class SealedKeyError(Exception):
    """A sealed key that is damaged, belongs to another object, or whose secret is gone."""


class FileSecrets:
    """The secrets of all generations. What another process adds to the file is noticed."""

    def __init__(self, path: Path, secrets: Secrets) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._take(secrets)

    @property
    def newest(self) -> int:
        """The generation to seal with."""
        self._look()
        return max(self._by_generation)

    def of(self, generation: int) -> bytes:
        """The secret of a generation. Raises :class:`SealedKeyError`."""
        if generation not in self._by_generation:
            self._look()
        try:
            return self._by_generation[generation]
        except KeyError:
            raise SealedKeyError(
                f"the file of secrets has no secret of generation {generation}: was it replaced?"
            ) from None

    def _look(self) -> None:
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns)
            if seen != self._seen:
                self._take(read_secrets(self._path))
                self._seen = seen
        except OSError:  # a new data directory, whose secrets have another name yet
            return

    def _take(self, secrets: Secrets) -> None:
        generations = {each.generation: each.secret for each in secrets.file_secrets}
        self._by_generation = {0: secrets.jwt_secret, **generations}


class FileKeys:
    """The keys of one project's objects."""

    def __init__(self, secrets: FileSecrets, project_id: str) -> None:
        self._secrets = secrets
        self._info = b"tidewire stored files of " + project_id.encode()
        self._ciphers: dict[int, tuple[bytes, AESGCM]] = {}

    def new(self, name: str) -> tuple[bytes, str]:
        """A new key for the object of this name, and what opens it again."""
        key = os.urandom(_KEY_BYTES)
        return key, self._sealed(key, name, self._secrets.newest)

    def open(self, sealed: str, name: str) -> bytes:
        """The key of an object. Raises :class:`SealedKeyError`."""
        generation, _, text = sealed.partition(".")
        try:
            content = base64.urlsafe_b64decode(text)
            cipher = self._cipher(int(generation))
            return cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError, binascii.Error):
            raise SealedKeyError(f"the key of the object {name} cannot be opened") from None

    def renewed(self, sealed: str, name: str) -> str:
        """What opens the same key by the newest secret. Raises :class:`SealedKeyError`."""
        return self._sealed(self.open(sealed, name), name, self._secrets.newest)

    def _sealed(self, key: bytes, name: str, generation: int) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        content = nonce + self._cipher(generation).encrypt(nonce, key, name.encode())
        return f"{generation}.{base64.urlsafe_b64encode(content).decode()}"

    def _cipher(self, generation: int) -> AESGCM:
        secret = self._secrets.of(generation)
        known = self._ciphers.get(generation)
        if known is None or known[0] != secret:
            known = self._ciphers[generation] = (secret, AESGCM(derived_key(secret, self._info)))
        return known[1]
