"""The file with the secrets of a data directory."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tidewire.store.errors import StoreError

_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Secrets:
    """What only this server knows."""

    jwt_secret: bytes


class _Content(msgspec.Struct):
    jwt_secret: str
    """Hexadecimal."""


def load_secrets(path: Path) -> Secrets:
    """Read the secrets; make them first if there are none. The caller keeps other processes away.

    Raises :class:`StoreError` if the file is damaged.
    """
    if not path.exists():
        _create(path)
    try:
        secret = bytes.fromhex(msgspec.json.decode(path.read_bytes(), type=_Content).jwt_secret)
    except (msgspec.DecodeError, ValueError):
        raise StoreError(
            f"the file of secrets {path} is damaged; restore it from a backup, or remove it"
        ) from None
    if len(secret) < _SECRET_BYTES:
        raise StoreError(f"the secret in {path} is shorter than {_SECRET_BYTES} bytes")
    return Secrets(jwt_secret=secret)


def _create(path: Path) -> None:
    content = msgspec.json.encode(_Content(jwt_secret=secrets.token_hex(_SECRET_BYTES)))
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
