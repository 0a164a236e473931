"""Rows of users: made, found, changed, and turned into what the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, or_, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.core.ids import unique_id
from tidewire.core.models import Account
from tidewire.core.time import now
from tidewire.services.account.emails import Mailbox, mailbox
from tidewire.services.context import Context
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.search import search_text
from tidewire.store.records.contact_targets import change_contact
from tidewire.store.records.identities import account_of
from tidewire.store.records.targets import targets_of
from tidewire.store.schema import users

# Built once: building a statement takes longer than executing it.
_USER: Final = select(users).where(users.c.id == bindparam("user_id"))
_BY_EMAIL: Final = select(users).where(users.c.email == bindparam("email"))
_BY_PHONE: Final = select(users).where(users.c.phone == bindparam("phone"))
_INSERT_USER: Final = insert(users)

_SEARCHED: Final = frozenset({"name", "email", "phone", "labels"})


def signed_in(context: Context) -> Identity:
    """Return who makes the request.

    Raises ``general_unauthorized_scope`` if it is no user of this project; an owner of the project, who
    is a user of the console, is none.
    """
    if context.caller.kind != "user" or context.caller.identity is None:
        raise TidewireError(
            "general_unauthorized_scope", "Sign in first: this is about the account of the caller."
        )
    return context.caller.identity


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
    connection.execute(
        _INSERT_USER,
        {
            "id": user_id,
            "created_at": moment,
            "updated_at": moment,
            "registered_at": moment,
            "accessed_at": moment,
            "name": name,
            "email": email or None,
            "phone": phone or None,
            "search": search_text(user_id, name, email, phone),
            **asdict(mailbox(email) if email else Mailbox()),
            **({**password, "password_updated_at": moment} if password else {}),
        },
    )
    change_contact(connection, user_id, "email", None, email)
    change_contact(connection, user_id, "sms", None, phone)
    return find_account(connection, user_id)


def chosen_id(given: str) -> str:
    """The id that a client chose for something new, or one of ours if it asks for that."""
    return unique_id() if given == "unique()" else given


def find_user(connection: Connection, user_id: str) -> Row[Any]:
    """Return the row of the user with this id; raises ``user_not_found``."""
    row = user_by_id(connection, user_id)
    if row is None:
        raise TidewireError("user_not_found", "The user does not exist any more.")
    return row


def find_account(connection: Connection, user_id: str) -> Account:
    """Return the account with this id; raises ``user_not_found``."""
    return account_of(find_user(connection, user_id), targets_of(connection, user_id))


def user_by_id(connection: Connection, user_id: str) -> Row[Any] | None:
    """The row of the user with this id."""
    return connection.execute(_USER, {"user_id": user_id}).one_or_none()


def user_by_email(connection: Connection, email: str) -> Row[Any] | None:
    """The row of the user with this address, which is in lower case."""
    return connection.execute(_BY_EMAIL, {"email": email}).one_or_none()


def user_by_phone(connection: Connection, phone: str) -> Row[Any] | None:
    """The row of the user with this phone number."""
    return connection.execute(_BY_PHONE, {"phone": phone}).one_or_none()


def change_user(connection: Connection, user_id: str, **values: Any) -> Account:
    """Change columns of a user, and with them all that derives from them.

    Raises :class:`TidewireError` ``user_not_found``, ``user_email_already_exists``,
    ``user_phone_already_exists`` or ``user_target_already_exists``.
    """
    before = find_user(connection, user_id)
    if "email" in values:
        change_contact(connection, user_id, "email", before.email, values["email"])
        _require_free(user_by_email(connection, values["email"] or ""), user_id, "email")
        values |= asdict(mailbox(values["email"]) if values["email"] else Mailbox())
    if "phone" in values:
        change_contact(connection, user_id, "sms", before.phone, values["phone"])
        _require_free(user_by_phone(connection, values["phone"] or ""), user_id, "phone")
    if _SEARCHED & values.keys():
        now_is = {name: values.get(name, getattr(before, name)) for name in _SEARCHED}
        words = (user_id, now_is["name"], now_is["email"], now_is["phone"], *now_is["labels"])
        values["search"] = search_text(*words)
    connection.execute(update(users).where(users.c.id == user_id).values(**values, updated_at=now()))
    return find_account(connection, user_id)


def _require_free(holder: Row[Any] | None, user_id: str, what: str) -> None:
    if holder is not None and holder.id != user_id:
        raise TidewireError(
            f"user_{what}_already_exists", f"Another user of this project has the same {what} already."
        )
