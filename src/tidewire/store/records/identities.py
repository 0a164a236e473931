"""Identities: who somebody is, found by an encoded session, a JSON Web Token or a user id.

All functions work on a connection to the database of the project. A blocked user is found like any other:
the caller checks ``identity.account.status``.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, exists, select

from tidewire.core.identities import Identity
from tidewire.core.models import Account, Target
from tidewire.core.project_roles import is_confined
from tidewire.core.roles import Membership, user_roles
from tidewire.core.time import format_datetime
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import PreparedSelect
from tidewire.store.records.projects import CONSOLE_PROJECT_ID
from tidewire.store.records.targets import target_of
from tidewire.store.schema import authenticators, memberships, sessions, targets, users


def user_identity(connection: Connection, user_id: str) -> Identity | None:
    """A user by id, with the roles that they hold now."""
    rows = rows_by_user(connection, user_id)
    return identity_of(connection, rows) if rows is not None else None


def find_user_id(connection: Connection, *, email: str = "", phone: str = "") -> str | None:
    """The id of the user with this e-mail address (in lower case) or, without one, phone number."""
    condition = users.c.email == email if email else users.c.phone == phone
    return connection.scalar(select(users.c.id).where(condition))


def session_identities(connection: Connection, user_id: str, now: int) -> list[Identity]:
    """One identity for each unexpired session of a user."""
    own = _SESSIONS.fetch(connection, {"user_id": user_id})
    people = [identity_of(connection, _with_others(connection, _SESSIONS, user_id, row)) for row in own]
    return [person for person in people if unexpired(person, now) is not None]


class IdentityRows(NamedTuple):
    """Everything that an identity is made of, as the driver gives it: if it is equal, so is the identity."""

    statement: PreparedSelect
    """The statement that found ``own``."""
    own: tuple[Any, ...]
    """The user, and the session if there is one."""
    memberships: list[tuple[Any, ...]]
    targets: list[tuple[Any, ...]]


def rows_by_secret(connection: Connection, user_id: str, secret_hash: str) -> IdentityRows | None:
    """The rows of the user whose session, perhaps an expired one, has this hash."""
    own = _BY_SECRET.fetch(connection, {"user_id": user_id, "secret_hash": secret_hash})
    if not own or not hmac.compare_digest(own[0][_SECRET_HASH], secret_hash):
        return None
    return _with_others(connection, _BY_SECRET, user_id, own[0])


def rows_by_session(connection: Connection, user_id: str, session_id: str) -> IdentityRows | None:
    """The rows of the user of a session, perhaps an expired one."""
    own = _BY_SESSION.fetch(connection, {"user_id": user_id, "session_id": session_id})
    return _with_others(connection, _BY_SESSION, user_id, own[0]) if own else None


def rows_by_user(connection: Connection, user_id: str) -> IdentityRows | None:
    """The rows of a user."""
    own = _BY_USER.fetch(connection, {"user_id": user_id})
    return _with_others(connection, _BY_USER, user_id, own[0]) if own else None


def identity_of(connection: Connection, rows: IdentityRows) -> Identity:
    """The user that some rows describe; the connection is one to the database that they are from."""
    [row] = rows.statement.typed(connection, [rows.own])
    of_console = connection.project_id == CONSOLE_PROJECT_ID
    held = tuple(
        Membership(
            each.id, each.team_id, tuple(each.roles), each.confirmed, of_console and is_confined(each.roles)
        )
        for each in _MEMBERSHIPS.typed(connection, rows.memberships)
    )
    verified = row.email_verification or row.phone_verification
    identity = Identity(
        account=account_of(row, [target_of(each) for each in _TARGETS.typed(connection, rows.targets)]),
        session_id="",
        session_expires=0,
        roles=user_roles(row.id, verified, row.labels, held),
        memberships=held,
    )
    if rows.statement is _BY_USER:
        return identity
    return replace(
        identity,
        session_id=row.session_id,
        session_expires=row.expires_at,
        factors=tuple(row.factors),
        mfa_updated_at=row.mfa_updated_at,
        has_authenticator=row.has_authenticator,
    )


def unexpired(identity: Identity, now: int) -> Identity | None:
    """The identity itself; None if its session has expired."""
    return identity if not identity.session_id or identity.session_expires > now else None


def account_of(row: Any, targets: Sequence[Target] = ()) -> Account:
    """The model of a row of ``users``, of which all columns of :data:`_USER` are needed."""
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


_USER: Final = [
    users.c[name]
    for name in (
        "id", "created_at", "updated_at", "name", "registered_at", "status", "labels", "password_updated_at",
        "email", "phone", "email_verification", "email_canonical", "email_is_free", "email_is_disposable",
        "email_is_corporate", "email_is_canonical", "phone_verification", "mfa", "prefs", "accessed_at",
        "impersonator",
    )
]  # fmt: skip
_SECRET_HASH: Final = len(_USER)
_OF_USER: Final = (
    select(
        *_USER,
        sessions.c.secret_hash,
        sessions.c.id.label("session_id"),
        sessions.c.expires_at,
        sessions.c.factors,
        sessions.c.mfa_updated_at,
        exists()
        .where(authenticators.c.user_id == users.c.id, authenticators.c.verified)
        .label("has_authenticator"),
    )
    .join_from(sessions, users, sessions.c.user_id == users.c.id)
    .where(sessions.c.user_id == bindparam("user_id"))
)
_SESSIONS: Final = PreparedSelect(_OF_USER)
_BY_SECRET: Final = PreparedSelect(_OF_USER.where(sessions.c.secret_hash == bindparam("secret_hash")))
_BY_SESSION: Final = PreparedSelect(_OF_USER.where(sessions.c.id == bindparam("session_id")))
_BY_USER: Final = PreparedSelect(select(*_USER).where(users.c.id == bindparam("user_id")))
_MEMBERSHIPS: Final = PreparedSelect(
    select(memberships.c.id, memberships.c.team_id, memberships.c.roles, memberships.c.confirmed)
    .where(memberships.c.user_id == bindparam("user_id"))
    .order_by(memberships.c.sequence)
)
_TARGETS: Final = PreparedSelect(
    select(targets).where(targets.c.user_id == bindparam("user_id")).order_by(targets.c.sequence)
)


def _with_others(
    connection: Connection, statement: PreparedSelect, user_id: str, own: tuple[Any, ...]
) -> IdentityRows:
    values = {"user_id": user_id}
    return IdentityRows(
        statement, own, _MEMBERSHIPS.fetch(connection, values), _TARGETS.fetch(connection, values)
    )


def _date(ms: int) -> str:
    return format_datetime(ms) if ms else ""
