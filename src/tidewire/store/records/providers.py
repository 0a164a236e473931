"""Messaging providers; their credentials are sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select

from tidewire.core.errors import TidewireError
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.schema import providers as table

PROVIDERS: Final = resource_list(
    table,
    "name",
    "provider",
    "type",
    "enabled",
    searchable=(table.c.id, table.c.name, table.c.provider, table.c.type),
)
_ENABLED: Final = select(table).where(table.c.enabled).order_by(table.c.sequence)


def find_provider(connection: Connection, provider_id: str) -> Row[Any]:
    """The provider with this id; raises ``provider_not_found``."""
    row = find_row(connection, table, id=provider_id)
    if row is None:
        raise TidewireError("provider_not_found", "There is no messaging provider with this id.")
    return row


def insert_provider(
    connection: Connection, provider_id: str, credentials: Mapping[str, Any], **values: Any
) -> Row[Any]:
    """Add a provider; raises ``provider_already_exists``."""
    if find_row(connection, table, id=provider_id) is not None:
        raise TidewireError("provider_already_exists", "A messaging provider with this id already exists.")
    return insert_row(
        connection, table, id=provider_id, credentials=_sealed(connection, credentials), **values
    )


def change_provider(
    connection: Connection, provider: Row[Any], credentials: Mapping[str, Any], **values: Any
) -> Row[Any]:
    """Replace the credentials of a provider, and change other columns."""
    sealed = _sealed(connection, credentials)
    return update_row(connection, table, provider.sequence, credentials=sealed, **values)


def delete_provider(connection: Connection, provider: Row[Any]) -> None:
    """Delete a provider; targets that name it are reached by others of its type."""
    delete_row(connection, table, provider.sequence)


def enabled_providers(connection: Connection, type_: str) -> list[Row[Any]]:
    """The providers that carry messages of a type, the oldest first."""
    return list(connection.execute(_ENABLED.where(table.c.type == type_)))


def credentials_of(connection: Connection, provider: Row[Any]) -> dict[str, Any]:
    """The credentials in clear. Raises :class:`~tidewire.store.secrets.encryption.SealError`."""
    opened: dict[str, Any] = msgspec.json.decode(connection.encryption.open(provider.credentials))
    return opened


def _sealed(connection: Connection, credentials: Mapping[str, Any]) -> str:
    return connection.encryption.seal(msgspec.json.encode(credentials).decode())
