"""Identities of users at providers: accounts elsewhere that they sign in with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Row, select

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
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


TOKEN_COLUMNS: Final = ("access_token", "access_token_expires_at", "refresh_token")
"""What sessions have too, of the provider that they were begun at; the tokens are sealed."""


def remove_identity(connection: Connection, identity_id: str, **values: str) -> Row[Any]:
    """Delete the identity with this id and these values, and return what it was.

    Raises ``user_identity_not_found``.
    """
    row = find_row(connection, user_identities, id=identity_id, **values)
    if row is None:
        raise TidewireError("user_identity_not_found", "There is no identity with this id.")
    delete_row(connection, user_identities, row.sequence)
    return row


def identity_by_uid(connection: Connection, provider: str, provider_uid: str) -> Row[Any] | None:
    """Whose account at a provider it is; None: nobody's."""
    return find_row(connection, user_identities, provider=provider, provider_uid=provider_uid)


def find_identity(connection: Connection, identity_id: str, user_id: str) -> Row[Any] | None:
    """An identity of a user; None if it is gone."""
    return find_row(connection, user_identities, id=identity_id, user_id=user_id)


def keep_identity(connection: Connection, user_id: str, provider: str, uid: str, **values: Any) -> Row[Any]:
    """Write down that an account at a provider is a user's, with its newest tokens, which are sealed."""
    known = identity_by_uid(connection, provider, uid)
    if known is not None:
        return update_row(connection, user_identities, known.sequence, **values)
    given = {"user_id": user_id, "provider": provider, "provider_uid": uid, **values}
    return insert_row(connection, user_identities, id=unique_id(), **given)


def change_identity(connection: Connection, user_id: str, provider: str, uid: str, **values: Any) -> None:
    """Change columns of a user's identity, if it is still there."""
    known = identity_by_uid(connection, provider, uid)
    if known is not None and known.user_id == user_id:
        update_row(connection, user_identities, known.sequence, **values)


def held_elsewhere(connection: Connection, email: str, user_id: str = "") -> bool:
    """Whether another user signs in with this address at some provider."""
    held = select(user_identities.c.sequence).where(
        user_identities.c.provider_email == email, user_identities.c.user_id != user_id
    )
    return connection.execute(held.limit(1)).first() is not None


def require_no_identity(connection: Connection, email: str, user_id: str = "") -> None:
    """Refuse an address with which another user signs in at some provider.

    Raises ``user_email_already_exists``.
    """
    if held_elsewhere(connection, email, user_id):
        raise TidewireError(
            "user_email_already_exists", "Another user of this project has the same email already."
        )
