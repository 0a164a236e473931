"""Users: added, found, changed and deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Row, delete, exists, func, or_, select, update

from tidewire.core.emails import Mailbox, mailbox
from tidewire.core.errors import TidewireError
from tidewire.core.models import Account
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.lists.search import search_text
from tidewire.store.records.identities import account_of
from tidewire.store.records.rows import find_row, insert_row, update_row
from tidewire.store.records.targets import change_contact, targets_of
from tidewire.store.records.topics import end_subscriptions
from tidewire.store.schema import authenticators, memberships, targets, teams, users

USERS: Final = resource_list(
    users,
    "name",
    "email",
    "phone",
    "status",
    "labels",
    "passwordUpdate",
    "registration",
    "emailVerification",
    "phoneVerification",
    "accessedAt",
    "impersonator",
    searchable=(users.c.search,),
    columns={"passwordUpdate": users.c.password_updated_at, "registration": users.c.registered_at},
)

_SEARCHED: Final = frozenset({"name", "email", "phone", "labels"})


def insert_user(
    connection: Connection,
    user_id: str,
    *,
    name: str = "",
    email: str | None = None,
    phone: str | None = None,
    password: Mapping[str, Any] | None = None,
) -> Account:
    """Add a user; ``email`` is in lower case, ``password`` holds the columns of a password.

    Raises :class:`TidewireError` ``user_already_exists`` if the id, address or number is taken.
    """
    same = [users.c.id == user_id]
    if email:
        same.append(users.c.email == email)
    if phone:
        same.append(users.c.phone == phone)
    if connection.execute(select(users.c.sequence).where(or_(*same))).first():
        raise TidewireError(
            "user_already_exists", "A user with the same id, email or phone already exists in this project."
        )
    moment = now()
    row = insert_row(
        connection,
        users,
        id=user_id,
        created_at=moment,
        updated_at=moment,
        registered_at=moment,
        accessed_at=moment,
        name=name,
        email=email or None,
        phone=phone or None,
        search=search_text(user_id, name, email, phone),
        **asdict(mailbox(email) if email else Mailbox()),
        **({**password, "password_updated_at": moment} if password else {}),
    )
    change_contact(connection, user_id, "email", None, email)
    change_contact(connection, user_id, "sms", None, phone)
    return account_of(row, targets_of(connection, [user_id]))


def user_by(connection: Connection, **value: str) -> Row[Any] | None:
    """The user with this ``id``, ``email`` (in lower case) or ``phone``, whichever is given."""
    return find_row(connection, users, **value)


def find_user(connection: Connection, user_id: str) -> Row[Any]:
    """The user with this id; raises ``user_not_found``."""
    row = user_by(connection, id=user_id)
    if row is None:
        raise TidewireError("user_not_found", "The user does not exist any more.")
    return row


def find_account(connection: Connection, user_id: str) -> Account:
    """The account with this id; raises ``user_not_found``."""
    return account_of(find_user(connection, user_id), targets_of(connection, [user_id]))


def change_user(connection: Connection, user_id: str, **values: Any) -> Account:
    """Change columns of a user, and with them everything that derives from them.

    Raises :class:`TidewireError` ``user_not_found``, ``user_email_already_exists``,
    ``user_phone_already_exists`` or ``user_target_already_exists``.
    """
    before = find_user(connection, user_id)
    if "email" in values:
        email = values["email"]
        change_contact(connection, user_id, "email", before.email, email)
        _require_free(user_by(connection, email=email or ""), user_id, "email")
        values |= asdict(mailbox(email) if email else Mailbox())
    if "phone" in values:
        change_contact(connection, user_id, "sms", before.phone, values["phone"])
        _require_free(user_by(connection, phone=values["phone"] or ""), user_id, "phone")
    if _SEARCHED & values.keys():
        new = {name: values.get(name, getattr(before, name)) for name in _SEARCHED}
        values["search"] = search_text(user_id, new["name"], new["email"], new["phone"], *new["labels"])
    changed = update_row(connection, users, before.sequence, **values)
    return account_of(changed, targets_of(connection, [user_id]))


def replace_hash(connection: Connection, user: Row[Any], new_hash: str, scheme: str) -> None:
    """Store another hash of the same password. The user does not count as changed."""
    history = [new_hash if kept == user.password_hash else kept for kept in user.password_history]
    connection.execute(
        update(users)
        .where(users.c.sequence == user.sequence)
        .values(password_hash=new_hash, hash=scheme, hash_options={}, password_history=history)
    )


def count_users(connection: Connection, limit: int) -> int:
    """The number of users; counting stops at ``limit``."""
    some = select(users.c.sequence).limit(limit).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def users_with_factors(connection: Connection, user_ids: Collection[str]) -> dict[str, Row[Any]]:
    """Some users by id, each with ``has_authenticator``: whether a verified authenticator app is theirs."""
    verified = exists().where(authenticators.c.user_id == users.c.id, authenticators.c.verified)
    wanted = select(users, verified.label("has_authenticator")).where(users.c.id.in_(user_ids))
    return {row.id: row for row in connection.execute(wanted)}


def remove_user(connection: Connection, user_id: str) -> None:
    """Delete a user; sessions, targets, tokens, factors and memberships are deleted too."""
    left = select(memberships.c.team_id).where(memberships.c.user_id == user_id, memberships.c.confirmed)
    connection.execute(update(teams).where(teams.c.id.in_(left)).values(total=teams.c.total - 1))
    end_subscriptions(connection, targets.c.user_id == user_id)
    connection.execute(delete(users).where(users.c.id == user_id))


def _require_free(holder: Row[Any] | None, user_id: str, what: str) -> None:
    if holder is not None and holder.id != user_id:
        raise TidewireError(
            f"user_{what}_already_exists", f"Another user of this project has the same {what} already."
        )
