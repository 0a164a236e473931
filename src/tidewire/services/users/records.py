"""Users as servers see them, and the steps that all changes have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models import Target, User
from tidewire.services.context import Context
from tidewire.services.password_hashes import describe_hash
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.identities import account_of
from tidewire.store.records.targets import targets_of
from tidewire.store.records.users import change_user, find_user


def require_server(context: Context) -> None:
    """Refuse everybody but servers and people who manage the project.

    Needed where a scope that the operation asks for is one that users or guests hold, or where it shows
    secrets. Raises ``general_unauthorized_scope``.
    """
    if not context.caller.bypasses_permissions:
        raise TidewireError("general_unauthorized_scope", "Only servers may do this.")


def find_shown_user(connection: Connection, caller: Caller, user_id: str) -> User:
    """The user with this id as the caller sees it; raises ``user_not_found``."""
    return users_of(connection, caller, [find_user(connection, user_id)])[0]


def users_of(connection: Connection, caller: Caller, rows: Sequence[Row[Any]]) -> list[User]:
    """Rows of ``users`` as the caller sees them: hashes of passwords are for servers alone."""
    reached: defaultdict[str, list[Target]] = defaultdict(list)
    for target in targets_of(connection, [row.id for row in rows]):
        reached[target.user_id].append(target)
    return [_user_of(row, reached[row.id], with_hash=caller.bypasses_permissions) for row in rows]


def change(transaction: Transaction, context: Context, user_id: str, event: str, **values: Any) -> User:
    """Change columns of a user, with the event, and return the user. Raises as :func:`change_user` does."""
    account = change_user(transaction.connection, user_id, **values)
    publish(transaction, context, event, {"userId": user_id}, account)
    return find_shown_user(transaction.connection, context.caller, user_id)


def _user_of(row: Row[Any], reached: Sequence[Target], *, with_hash: bool) -> User:
    account = account_of(row, reached)
    scheme, text = row.hash or "", row.password_hash or ""
    return User(
        **{name: getattr(account, name) for name in account.__struct_fields__},
        password=text if with_hash else None,
        hash=scheme if with_hash else None,
        hash_options=describe_hash(scheme, text, row.hash_options) if with_hash else None,
    )
