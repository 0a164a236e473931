"""API keys: of projects, of organisations (teams of the console project) and of console accounts."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, and_, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, insert_row, update_row
from tidewire.store.schema import keys
from tidewire.store.secrets.credentials import hash_secret

KEYS: Final = resource_list(
    keys, "name", "scopes", "expire", "accessedAt", columns={"expire": keys.c.expires_at}
)

KeyType = Literal["standard", "organization", "account"]

ACCESS_PRECISION: Final = 24 * 3600 * 1000
"""Milliseconds by which the time of the last use of a key may be off: it is not written more often."""

MAX_SDKS: Final = 16
"""The greatest number of SDKs that are remembered for a key."""

_SECRET_BYTES: Final = 128
_MAX_SECRET_LENGTH: Final = 1024


@dataclass(frozen=True)
class KeyOwner:
    """The owner of a key: one of the three fields is set."""

    project_id: str = ""
    team_id: str = ""
    user_id: str = ""

    @property
    def type(self) -> KeyType:
        """The type of the key, which its secret begins with."""
        return "standard" if self.project_id else "organization" if self.team_id else "account"

    def condition(self) -> ColumnElement[bool]:
        """The condition that a row of ``keys`` belongs to the owner."""
        if self.project_id:
            return keys.c.project_id == self.project_id
        column, value = (keys.c.team_id, self.team_id) if self.team_id else (keys.c.user_id, self.user_id)
        return and_(keys.c.project_id.is_(None), column == value)


@dataclass(frozen=True)
class ApiKey:
    """An API key, and what a program may do with it."""

    id: str
    project_id: str
    """The id of the project; empty for keys of organisations and accounts."""
    name: str
    scopes: frozenset[str]
    expires: int
    """Milliseconds since the epoch; 0: never."""
    type: KeyType = "standard"
    team_id: str = ""
    """Id of the organisation that the key is for; empty for other keys."""
    user_id: str = ""
    """Id of the console user that the key is for; empty for other keys."""
    listed_scopes: tuple[str, ...] = ()
    """The scopes as they were given: in their order, with repetitions."""
    created_at: int = 0
    """Milliseconds since the epoch."""
    updated_at: int = 0
    accessed_at: int = 0
    """Milliseconds since the epoch, up to :data:`ACCESS_PRECISION` too early; 0: never."""
    sdks: tuple[str, ...] = ()
    """The names of the SDKs that used the key."""

    @property
    def owner(self) -> KeyOwner:
        """The owner of the key."""
        return KeyOwner(self.project_id, self.team_id, self.user_id)


def insert_api_key(
    connection: Connection,
    owner: KeyOwner,
    name: str,
    scopes: Sequence[str],
    expires: int,
    key_id: str | None = None,
) -> tuple[ApiKey, str]:
    """Create a key with a new secret, which is stored only as a hash.

    Raises :class:`TidewireError` ``key_already_exists``.
    """
    new_id = key_id or unique_id()
    if _row(connection, owner, new_id) is not None:
        raise TidewireError("key_already_exists", f"There is a key {new_id!r} already.")
    bare = secrets.token_hex(_SECRET_BYTES)
    row = insert_row(
        connection,
        keys,
        id=new_id,
        type=owner.type,
        project_id=owner.project_id or None,
        team_id=owner.team_id,
        user_id=owner.user_id,
        name=name,
        secret_hash=hash_secret(bare),
        scopes=list(scopes),
        expires_at=expires,
    )
    return api_key_of(row), f"{owner.type}_{bare}"


def find_key(connection: Connection, owner: KeyOwner, key_id: str) -> ApiKey:
    """The key with this id. Raises :class:`TidewireError` ``key_not_found``."""
    return api_key_of(_found(connection, owner, key_id))


def update_api_key(
    connection: Connection, owner: KeyOwner, key_id: str, name: str, scopes: Sequence[str], expires: int
) -> ApiKey:
    """Replace name, scopes and expiry of a key. Raises :class:`TidewireError` ``key_not_found``."""
    sequence = _found(connection, owner, key_id).sequence
    changed = update_row(connection, keys, sequence, name=name, scopes=list(scopes), expires_at=expires)
    return api_key_of(changed)


def delete_api_key(connection: Connection, owner: KeyOwner, key_id: str) -> ApiKey:
    """Delete a key; return what it was. Raises :class:`TidewireError` ``key_not_found``."""
    row = _found(connection, owner, key_id)
    delete_row(connection, keys, row.sequence)
    return api_key_of(row)


def keys_of_project(connection: Connection, project_id: str, most: int) -> list[ApiKey]:
    """The oldest keys of a project, at most ``most``."""
    owned = select(keys).where(KeyOwner(project_id=project_id).condition())
    return [api_key_of(row) for row in connection.execute(owned.order_by(keys.c.sequence).limit(most))]


def note_key_access(connection: Connection, key: ApiKey, sdk: str) -> None:
    """Remember that a key was used just now, and by which SDK (empty: unknown)."""
    used_by = key.sdks if not sdk or sdk in key.sdks else (*key.sdks, sdk)
    connection.execute(
        update(keys)
        .where(key.owner.condition(), keys.c.id == key.id)
        .values(accessed_at=now(), sdks=list(used_by))
    )


def hash_api_key(secret: str) -> str | None:
    """The form in which a key's secret is stored, with or without its prefix; None if it cannot be one."""
    if len(secret) > _MAX_SECRET_LENGTH or not secret.isascii():
        return None
    for prefix in ("standard_", "organization_", "account_"):
        secret = secret.removeprefix(prefix)
    return hash_secret(secret)


def find_api_key(connection: Connection, secret_hash: str) -> ApiKey | None:
    """The key whose secret has this hash, expired or not."""
    row = connection.execute(select(keys).where(keys.c.secret_hash == secret_hash)).first()
    if row is None or not hmac.compare_digest(row.secret_hash, secret_hash):
        return None
    return api_key_of(row)


def api_key_of(row: Row[Any]) -> ApiKey:
    """The key of a row of ``keys``."""
    return ApiKey(
        id=row.id,
        project_id=row.project_id or "",
        name=row.name,
        scopes=frozenset(row.scopes),
        expires=row.expires_at,
        type=row.type,
        team_id=row.team_id,
        user_id=row.user_id,
        listed_scopes=tuple(row.scopes),
        created_at=row.created_at,
        updated_at=row.updated_at,
        accessed_at=row.accessed_at,
        sdks=tuple(row.sdks),
    )


def _row(connection: Connection, owner: KeyOwner, key_id: str) -> Row[Any] | None:
    return connection.execute(select(keys).where(owner.condition(), keys.c.id == key_id)).one_or_none()


def _found(connection: Connection, owner: KeyOwner, key_id: str) -> Row[Any]:
    row = _row(connection, owner, key_id)
    if row is None:
        raise TidewireError("key_not_found", "There is no such key.")
    return row
