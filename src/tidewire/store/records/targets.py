"""Targets: the e-mail addresses, phone numbers and devices at which users can be reached.

A user's e-mail address and phone number have a target each, which follows their changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from sqlalchemy import Row, delete, or_, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Target
from tidewire.core.time import format_datetime
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.records.topics import end_subscriptions
from tidewire.store.schema import targets

TARGETS: Final = resource_list(targets, "userId", "providerType", "providerId", "identifier")


def targets_of(connection: Connection, user_ids: Sequence[str]) -> list[Target]:
    """The targets of some users, the oldest first."""
    of_users = select(targets).where(targets.c.user_id.in_(user_ids)).order_by(targets.c.sequence)
    return [target_of(row) for row in connection.execute(of_users)]


def find_target(connection: Connection, user_id: str, target_id: str, **values: Any) -> Row[Any]:
    """The target of a user with this id and these values; raises ``user_target_not_found``."""
    row = find_row(connection, targets, id=target_id, user_id=user_id, **values)
    if row is None:
        raise TidewireError("user_target_not_found", "The user has no such target with this id.")
    return row


def target_by_id(connection: Connection, target_id: str) -> Row[Any] | None:
    """The target with this id, whoever's it is; None: there is none."""
    return find_row(connection, targets, id=target_id)


def addresses_of(connection: Connection, target_ids: Sequence[str]) -> list[str]:
    """The addresses of some targets that work."""
    wanted = select(targets.c.identifier).where(targets.c.id.in_(target_ids), targets.c.expired.is_(False))
    return list(connection.scalars(wanted.order_by(targets.c.sequence)))


def insert_target(connection: Connection, target_id: str, identifier: str, **values: Any) -> Row[Any]:
    """Add a target; raises ``user_target_already_exists`` if there is one with the id or identifier."""
    taken = select(targets.c.id).where(or_(targets.c.id == target_id, targets.c.identifier == identifier))
    if connection.execute(taken).first():
        raise _already_exists()
    return insert_row(connection, targets, id=target_id, identifier=identifier, **values)


def update_target(connection: Connection, target: Row[Any], identifier: str, **values: Any) -> Row[Any]:
    """Change a target, which works again; raises ``user_target_already_exists``."""
    holder = find_row(connection, targets, identifier=identifier)
    if holder is not None and holder.sequence != target.sequence:
        raise _already_exists()
    return update_row(connection, targets, target.sequence, identifier=identifier, expired=False, **values)


def rename_target(connection: Connection, target: Row[Any], name: str) -> Row[Any]:
    """Change what a target is called."""
    return update_row(connection, targets, target.sequence, name=name)


def choose_provider(connection: Connection, target: Row[Any], provider_id: str) -> Row[Any]:
    """Have a target reached by a provider of its own."""
    return update_row(connection, targets, target.sequence, provider_id=provider_id)


def delete_target(connection: Connection, target: Row[Any]) -> None:
    """Delete a target, with its subscriptions."""
    end_subscriptions(connection, targets.c.sequence == target.sequence)
    delete_row(connection, targets, target.sequence)


def change_contact(
    connection: Connection, user_id: str, type_: Literal["email", "sms"], old: str | None, new: str | None
) -> None:
    """Replace the target of an address or number; None or an empty text: there is none.

    Raises :class:`TidewireError` ``user_target_already_exists`` if ``new`` is another user's.
    """
    if (old or "") == (new or ""):
        return
    own = {"user_id": user_id, "provider_type": type_}
    previous = find_row(connection, targets, **own, identifier=old) if old else None
    holder = find_row(connection, targets, identifier=new) if new else None
    if holder is not None and holder.user_id != user_id:
        raise TidewireError("user_target_already_exists", "Another user is reached there already.")
    if not new or holder is not None:
        if previous is not None:
            delete_target(connection, previous)
    elif previous is not None:
        update_row(connection, targets, previous.sequence, identifier=new, expired=False)
    else:
        insert_row(connection, targets, id=unique_id(), **own, identifier=new)


def delete_targets_of_sessions(connection: Connection, session_ids: Sequence[str]) -> None:
    """Delete the devices that sessions were on."""
    gone = targets.c.session_id.in_(session_ids)
    end_subscriptions(connection, gone)
    connection.execute(delete(targets).where(gone))


def move_targets(connection: Connection, session_id: str, other_id: str) -> None:
    """Have the devices of a session belong to another one, which takes its place."""
    of_session = targets.c.session_id == session_id
    connection.execute(update(targets).where(of_session).values(session_id=other_id))


def target_of(row: Any) -> Target:
    """The model of a row of ``targets``."""
    return Target(
        id=row.id,
        created_at=format_datetime(row.created_at),
        updated_at=format_datetime(row.updated_at),
        name=row.name,
        user_id=row.user_id,
        provider_id=row.provider_id,
        provider_type=row.provider_type,
        identifier=row.identifier,
        expired=row.expired,
    )


def _already_exists() -> TidewireError:
    return TidewireError(
        "user_target_already_exists", "There is a target with this id or identifier already."
    )
