"""Dev keys: with one, a program under development calls from any origin and without rate limits."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.schema import dev_keys
from tidewire.store.secrets.credentials import hash_secret
from tidewire.store.secrets.encryption import Encryption

DEV_KEYS: Final = resource_list(dev_keys, "expire", "accessedAt", columns={"expire": dev_keys.c.expires_at})

_SECRET_BYTES: Final = 128
_MAX_SECRET_LENGTH: Final = 1024


@dataclass(frozen=True)
class DevKey:
    """A dev key of a project."""

    id: str
    project_id: str
    name: str
    sealed_secret: str
    """The secret, sealed; :meth:`tidewire.store.secrets.encryption.Encryption.open` opens it."""
    expires: int
    """Milliseconds since the epoch."""
    created_at: int
    updated_at: int
    accessed_at: int
    """Milliseconds since the epoch; 0: never."""
    sdks: tuple[str, ...]


def insert_dev_key(
    connection: Connection, encryption: Encryption, project_id: str, name: str, expires: int
) -> DevKey:
    """Create a dev key with a new secret."""
    secret = secrets.token_hex(_SECRET_BYTES)
    row = insert_row(
        connection,
        dev_keys,
        id=unique_id(),
        project_id=project_id,
        name=name,
        secret_hash=hash_secret(secret),
        secret=encryption.seal(secret),
        expires_at=expires,
    )
    return dev_key_of(row)


def find_dev_key(connection: Connection, project_id: str, key_id: str) -> DevKey:
    """The dev key with this id. Raises :class:`TidewireError` ``key_not_found``."""
    return dev_key_of(_row(connection, project_id, key_id))


def update_dev_key(connection: Connection, project_id: str, key_id: str, name: str, expires: int) -> DevKey:
    """Change a dev key; its secret stays. Raises :class:`TidewireError` ``key_not_found``."""
    row = _row(connection, project_id, key_id)
    return dev_key_of(update_row(connection, dev_keys, row.sequence, name=name, expires_at=expires))


def delete_dev_key(connection: Connection, project_id: str, key_id: str) -> None:
    """Delete a dev key. Raises :class:`TidewireError` ``key_not_found``."""
    delete_row(connection, dev_keys, _row(connection, project_id, key_id).sequence)


def note_dev_key_access(connection: Connection, key: DevKey, sdk: str) -> None:
    """Remember that a dev key was used just now, and by which SDK (empty: unknown)."""
    used_by = key.sdks if not sdk or sdk in key.sdks else (*key.sdks, sdk)
    connection.execute(
        update(dev_keys)
        .where(dev_keys.c.project_id == key.project_id, dev_keys.c.id == key.id)
        .values(accessed_at=now(), sdks=list(used_by))
    )


def hash_dev_key(secret: str) -> str | None:
    """The form in which the secret of a dev key is looked up; None if it cannot be one."""
    return hash_secret(secret) if secret.isascii() and len(secret) <= _MAX_SECRET_LENGTH else None


def find_by_secret(connection: Connection, secret_hash: str) -> DevKey | None:
    """The dev key whose secret has this hash, expired or not."""
    row = find_row(connection, dev_keys, secret_hash=secret_hash)
    return dev_key_of(row) if row is not None else None


def dev_key_of(row: Row[Any]) -> DevKey:
    """The dev key of a row of ``dev_keys``."""
    return DevKey(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        sealed_secret=row.secret,
        expires=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        accessed_at=row.accessed_at,
        sdks=tuple(row.sdks),
    )


def _row(connection: Connection, project_id: str, key_id: str) -> Row[Any]:
    row = find_row(connection, dev_keys, project_id=project_id, id=key_id)
    if row is None:
        raise TidewireError("key_not_found", "The project has no such dev key.")
    return row
