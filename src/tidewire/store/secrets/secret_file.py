"""The file with the secrets of a data directory."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tidewire.store.errors import StoreError

SECRETS_NAME: Final = "secrets.json"
"""The file's name in the data directory."""
_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Secrets:
    """What only this server knows."""

    jwt_secret: bytes
    settled: bool
    """Whether the data directory was made to its end: its databases must be there."""


class _Content(msgspec.Struct):
    jwt_secret: str
    """Hexadecimal."""


def load_secrets(path: Path, *, create: bool) -> Secrets:
    """Read the secrets; the caller keeps other processes away.

    Where there are none, and ``create``, new ones are made, which have another name until
    :func:`settle_secrets`: what was interrupted before that is begun again. Raises :class:`StoreError` if the
    file is damaged or missing.
    """
    if path.exists():
        return Secrets(_read(path), settled=True)
    unsettled = _unsettled(path)
    if not unsettled.exists():
        if not create:
            raise StoreError(
                f"the file of secrets {path} is missing beside the databases; restore it from a backup: "
                "without it, sessions, keys and what is stored sealed are lost"
            )
        _create(unsettled)
    try:
        return Secrets(_read(unsettled), settled=False)
    except StoreError:
        _create(unsettled)
        return Secrets(_read(unsettled), settled=False)


def settle_secrets(path: Path) -> None:
    """Give new secrets their name, now that everything else is made."""
    try:
        _unsettled(path).rename(path)
    except FileNotFoundError:
        if not path.exists():  # otherwise another process was first
            raise
    _sync(path.parent)


def _read(path: Path) -> bytes:
    try:
        secret = bytes.fromhex(msgspec.json.decode(path.read_bytes(), type=_Content).jwt_secret)
    except (msgspec.DecodeError, ValueError):
        raise StoreError(f"the file of secrets {path} is damaged; restore it from a backup") from None
    if len(secret) < _SECRET_BYTES:
        raise StoreError(f"the secret in {path} is shorter than {_SECRET_BYTES} bytes")
    return secret


def _create(path: Path) -> None:
    content = msgspec.json.encode(_Content(jwt_secret=secrets.token_hex(_SECRET_BYTES)))
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unsettled(path: Path) -> Path:
    return path.with_name(path.name + ".new")
