"""Who somebody is, by what they show: an encoded session, a JSON Web Token, or a user id.

All functions work on a connection to the database of the project. A blocked user is found like any other:
the caller checks ``identity.account.status``.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, exists, select

from tidewire.core.identities import Identity
from tidewire.core.models import Account, Target
from tidewire.core.roles import Membership, user_roles
from tidewire.core.time import format_datetime
from tidewire.store.credentials import (
    MAX_CREDENTIAL_LENGTH,
    InvalidJwtError,
    decode_jwt,
    decode_session,
    encode_jwt,
    encode_session,
    hash_secret,
)
from tidewire.store.schema import authenticators, memberships, sessions, users
from tidewire.store.targets import targets_of

__all__ = [
    "MAX_CREDENTIAL_LENGTH",
    "InvalidJwtError",
    "account_of",
    "decode_session",
    "encode_jwt",
    "encode_session",
    "find_user_id",
    "hash_secret",
    "identity_by_secret",
    "identity_by_session",
    "jwt_identity",
    "memberships_of",
    "session_identities",
    "session_identity",
    "user_identity",
]


def session_identity(connection: Connection, encoded: str, now: int) -> Identity | None:
    """The user of an encoded session; None unless both exist and the session is not expired."""
    credentials = decode_session(encoded)
    if credentials is None:
        return None
    user_id, secret = credentials
    return identity_by_secret(connection, user_id, hash_secret(secret), now)


def identity_by_secret(connection: Connection, user_id: str, secret_hash: str, now: int) -> Identity | None:
    """The user whose unexpired session has this hash."""
    row = connection.execute(_BY_SECRET, {"user_id": user_id, "secret_hash": secret_hash, "now": now}).first()
    if row is None or not hmac.compare_digest(row.secret_hash, secret_hash):
        return None
    return _session_identity(connection, row)


def jwt_identity(connection: Connection, token: str, jwt_secret: bytes, now: int) -> Identity | None:
    """The user of a token; None if the session or the user that it stands for is gone.

    Raises :class:`InvalidJwtError`.
    """
    claims = decode_jwt(token, jwt_secret, now, connection.info["project_id"])
    if not claims.session_id:
        return user_identity(connection, claims.user_id)
    return identity_by_session(connection, claims.user_id, claims.session_id, now)


def identity_by_session(connection: Connection, user_id: str, session_id: str, now: int) -> Identity | None:
    """The user of an unexpired session."""
    row = connection.execute(_BY_SESSION, {"user_id": user_id, "session_id": session_id, "now": now}).first()
    return _session_identity(connection, row) if row is not None else None


def user_identity(connection: Connection, user_id: str) -> Identity | None:
    """A user by id, with the roles that they hold now."""
    row = connection.execute(_BY_USER, {"user_id": user_id}).first()
    return _identity(connection, row, "", 0) if row is not None else None


def find_user_id(connection: Connection, *, email: str = "", phone: str = "") -> str | None:
    """The id of the user with this e-mail address (in lower case) or, without one, phone number."""
    condition = users.c.email == email if email else users.c.phone == phone
    return connection.scalar(select(users.c.id).where(condition))


def session_identities(connection: Connection, user_id: str, now: int) -> list[Identity]:
    """A user by each of the unexpired sessions there are."""
    rows = connection.execute(_UNEXPIRED, {"user_id": user_id, "now": now}).all()
    return [_session_identity(connection, row) for row in rows]


def memberships_of(connection: Connection, user_id: str) -> tuple[Membership, ...]:
    """The teams that a user is in or invited to, the oldest membership first."""
    rows = connection.execute(_MEMBERSHIPS, {"user_id": user_id})
    return tuple(Membership(row.id, row.team_id, tuple(row.roles), row.confirmed) for row in rows)


def account_of(row: Row[Any], targets: Sequence[Target] = ()) -> Account:
    """The model of a row of ``users``."""
    return Account(
        id=row.id,
        created_at=format_datetime(row.created_at),
        updated_at=format_datetime(row.updated_at),
        name=row.name,
        registration=_date(row.registered_at),
        status=row.status,
        labels=row.labels,
        password_update=_date(row.password_updated_at),
        email=row.email or "",
        phone=row.phone or "",
        email_verification=row.email_verification,
        email_canonical=row.email_canonical,
        email_is_free=row.email_is_free,
        email_is_disposable=row.email_is_disposable,
        email_is_corporate=row.email_is_corporate,
        email_is_canonical=row.email_is_canonical,
        phone_verification=row.phone_verification,
        mfa=row.mfa,
        prefs=row.prefs,
        targets=list(targets),
        accessed_at=_date(row.accessed_at),
        impersonator=row.impersonator,
        impersonator_user_id=None,
    )


_SESSIONS: Final = select(
    users,
    sessions.c.id.label("session_id"),
    sessions.c.secret_hash,
    sessions.c.expires_at,
    sessions.c.factors,
    sessions.c.mfa_updated_at,
    exists()
    .where(authenticators.c.user_id == users.c.id, authenticators.c.verified)
    .label("has_authenticator"),
).join_from(sessions, users, sessions.c.user_id == users.c.id)
_UNEXPIRED: Final = _SESSIONS.where(
    sessions.c.user_id == bindparam("user_id"), sessions.c.expires_at > bindparam("now")
)
# Built once: building a statement takes longer than executing it.
_BY_SECRET: Final = _UNEXPIRED.where(sessions.c.secret_hash == bindparam("secret_hash"))
_BY_SESSION: Final = _UNEXPIRED.where(sessions.c.id == bindparam("session_id"))
_BY_USER: Final = select(users).where(users.c.id == bindparam("user_id"))
_MEMBERSHIPS: Final = (
    select(memberships.c.id, memberships.c.team_id, memberships.c.roles, memberships.c.confirmed)
    .where(memberships.c.user_id == bindparam("user_id"))
    .order_by(memberships.c.sequence)
)


def _session_identity(connection: Connection, row: Row[Any]) -> Identity:
    return replace(
        _identity(connection, row, row.session_id, row.expires_at),
        factors=tuple(row.factors),
        mfa_updated_at=row.mfa_updated_at,
        has_authenticator=row.has_authenticator,
    )


def _identity(connection: Connection, row: Row[Any], session_id: str, session_expires: int) -> Identity:
    verified = row.email_verification or row.phone_verification
    memberships_held = memberships_of(connection, row.id)
    return Identity(
        account=account_of(row, targets_of(connection, row.id)),
        session_id=session_id,
        session_expires=session_expires,
        roles=user_roles(row.id, verified, row.labels, memberships_held),
        memberships=memberships_held,
    )


def _date(ms: int) -> str:
    return format_datetime(ms) if ms else ""
