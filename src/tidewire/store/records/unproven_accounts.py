"""Accounts whose address nobody has shown to be theirs, when its owner comes.

Anybody can sign up with somebody else's address, and wait. Who then shows that the address is theirs must not
share the account with whoever made it: all their ways in are closed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete

from tidewire.store.engine.connection import Connection, Row
from tidewire.store.records.targets import targets_of
from tidewire.store.records.topics import end_subscriptions
from tidewire.store.records.users import change_user
from tidewire.store.schema import authenticators, challenges, targets, tokens, user_identities


def close_ways_in(connection: Connection, user: Row[Any]) -> None:
    """Take away all that somebody could sign in with, or confirm a sign-in by; sessions are not ended."""
    change_user(
        connection,
        user.id,
        phone=None,
        phone_verification=False,
        password_hash=None,
        hash="",
        hash_options={},
        password_history=[],
        mfa=False,
        mfa_recovery_codes=[],
    )
    for table in (authenticators, challenges, tokens, user_identities):
        connection.execute(delete(table).where(table.c.user_id == user.id))
    kept = [each.id for each in targets_of(connection, [user.id]) if each.identifier == user.email]
    others = (targets.c.user_id == user.id) & targets.c.id.not_in(kept)
    end_subscriptions(connection, others)
    connection.execute(delete(targets).where(others))
