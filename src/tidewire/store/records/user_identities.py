"""Identities of users at providers: accounts elsewhere that they sign in with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Row, select

from tidewire.core.errors import TidewireError
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row
from tidewire.store.schema import user_identities

OWN_IDENTITIES: Final = resource_list(
    user_identities,
    "userId",
    "provider",
    "providerUid",
    "providerEmail",
    "providerAccessTokenExpiry",
    columns={"providerAccessTokenExpiry": user_identities.c.access_token_expires_at},
)
IDENTITIES: Final = replace(
    OWN_IDENTITIES,
    searchable=tuple(
        user_identities.c[name] for name in ("id", "user_id", "provider", "provider_uid", "provider_email")
    ),
)


def remove_identity(connection: Connection, identity_id: str, **values: str) -> Row[Any]:
    """Delete the identity with this id and these values, and return what it was.

    Raises ``user_identity_not_found``.
    """
    row = find_row(connection, user_identities, id=identity_id, **values)
    if row is None:
        raise TidewireError("user_identity_not_found", "There is no identity with this id.")
    delete_row(connection, user_identities, row.sequence)
    return row


def require_no_identity(connection: Connection, email: str, user_id: str = "") -> None:
    """Refuse an address with which another user signs in at some provider.

    Raises ``user_email_already_exists``.
    """
    held = select(user_identities.c.sequence).where(
        user_identities.c.provider_email == email, user_identities.c.user_id != user_id
    )
    if connection.execute(held).first():
        raise TidewireError(
            "user_email_already_exists", "Another user of this project has the same email already."
        )
