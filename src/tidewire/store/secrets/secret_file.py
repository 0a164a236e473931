"""The file with the secrets of a data directory."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from tidewire.store.errors import StoreError

SECRETS_NAME: Final = "secrets.json"
"""The file's name in the data directory."""
_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class FileSecret:
    """A secret from which keys of stored files are derived."""

    generation: int
    """Counted from 1; generation 0 is derived from the first secret."""
    secret: bytes
    created: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True)
class Secrets:
    """What only this server knows."""

    jwt_secret: bytes
    settled: bool
    """Whether the data directory was made to its end: its databases must be there."""
    file_secrets: tuple[FileSecret, ...] = ()
    """Those that were added for stored files, in their order."""


class _FileSecret(msgspec.Struct):
    secret: str
    """Hexadecimal."""
    created: int


class _Content(msgspec.Struct, omit_defaults=True):
    jwt_secret: str
    """Hexadecimal."""
    file_secrets: dict[int, _FileSecret] = {}
    """By their generations."""


def load_secrets(path: Path, *, create: bool) -> Secrets:
    """Read the secrets; the caller keeps other processes away.

    Where there are none, and ``create``, new ones are made, which have another name until
    :func:`settle_secrets`: what was interrupted before that is begun again. Raises :class:`StoreError` if the
    file is damaged or missing.
    """
    if path.exists():
        return read_secrets(path)
    unsettled = _unsettled(path)
    if not unsettled.exists():
        if not create:
            raise StoreError(
                f"the file of secrets {path} is missing beside the databases; restore it from a backup: "
                "without it, sessions, keys and what is stored sealed are lost"
            )
        _create(unsettled)
    try:
        return replace(read_secrets(unsettled), settled=False)
    except StoreError:
        _create(unsettled)
        return replace(read_secrets(unsettled), settled=False)


def read_secrets(path: Path) -> Secrets:
    """The secrets in a file that is complete. Raises :class:`StoreError` if it is damaged."""
    content = _read(path)
    added = tuple(
        FileSecret(generation, _bytes(path, each.secret), each.created)
        for generation, each in sorted(content.file_secrets.items())
    )
    return Secrets(_bytes(path, content.jwt_secret), settled=True, file_secrets=added)


def replace_file_secrets(path: Path, wanted: Sequence[FileSecret]) -> None:
    """Make these the added secrets of stored files; the file is there whole at every moment.

    The caller keeps other processes from doing the same.
    """
    content = _read(path)
    content.file_secrets = {each.generation: _FileSecret(each.secret.hex(), each.created) for each in wanted}
    _write(path.with_name(path.name + ".replacing"), content)
    path.with_name(path.name + ".replacing").rename(path)
    _sync(path.parent)


def settle_secrets(path: Path) -> None:
    """Give new secrets their name, now that everything else is made."""
    try:
        _unsettled(path).rename(path)
    except FileNotFoundError:
        if not path.exists():  # otherwise another process was first
            raise
    _sync(path.parent)


def _read(path: Path) -> _Content:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _damaged(path) from None


def _bytes(path: Path, text: str) -> bytes:
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        raise _damaged(path) from None
    if len(secret) < _SECRET_BYTES:
        raise StoreError(f"the secret in {path} is shorter than {_SECRET_BYTES} bytes")
    return secret


def _damaged(path: Path) -> StoreError:
    return StoreError(f"the file of secrets {path} is damaged; restore it from a backup")


def _create(path: Path) -> None:
    _write(path, _Content(jwt_secret=secrets.token_hex(_SECRET_BYTES)))


def _write(path: Path, content: _Content) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(content))
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
