"""The targets that stand for a user's e-mail address and phone number, and follow their changes."""

from __future__ import annotations

from typing import Final, Literal

from sqlalchemy import delete, insert, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import targets

ContactType = Literal["email", "sms"]

_INSERT: Final = insert(targets)


def change_contact(
    connection: Connection, user_id: str, type_: ContactType, old: str | None, new: str | None
) -> None:
    """Replace the target of an address or number; None or an empty text: there is none.

    Raises :class:`TidewireError` ``user_target_already_exists`` if ``new`` is another user's.
    """
    if (old or "") == (new or ""):
        return
    previous = None
    if old:
        previous = connection.scalar(
            select(targets.c.id).where(
                targets.c.user_id == user_id,
                targets.c.provider_type == type_,
                targets.c.identifier == old,
            )
        )
    if not new:
        connection.execute(delete(targets).where(targets.c.id == previous))
        return
    holder = connection.execute(select(targets).where(targets.c.identifier == new)).one_or_none()
    if holder is not None and holder.user_id != user_id:
        raise TidewireError("user_target_already_exists", "Another user is reached there already.")
    if holder is not None:
        connection.execute(delete(targets).where(targets.c.id == previous))
    elif previous is not None:
        connection.execute(
            update(targets)
            .where(targets.c.id == previous)
            .values(identifier=new, expired=False, updated_at=now())
        )
    else:
        _insert(connection, user_id, type_, new)


def _insert(connection: Connection, user_id: str, type_: ContactType, identifier: str) -> None:
    moment = now()
    connection.execute(
        _INSERT,
        {
            "id": unique_id(),
            "created_at": moment,
            "updated_at": moment,
            "user_id": user_id,
            "provider_type": type_,
            "identifier": identifier,
        },
    )
