"""One-time secrets that webhooks get with an event: sealed, beside the log, until they expire.

The event log itself never holds them: who reads it, by realtime, recovery, replay or export, cannot be given
one. They go with their event, with their user, and when they work no longer.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from tidewire.core.time import now
from tidewire.core.token_events import asks_for_secret
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import event_secrets, webhooks
from tidewire.store.secrets.encryption import Encryption, SealError


def is_asked_for(connection: Connection, names: list[str]) -> bool:
    """Whether a webhook is to get the secret of an event with these names."""
    wanted = connection.scalars(select(webhooks.c.events).where(webhooks.c.enabled))
    return any(asks_for_secret(events, names) for events in wanted)


def keep_secret(connection: Connection, offset: int, user_id: str, sealed: str, expires_at: int) -> None:
    """Keep the sealed secret of the event at ``offset`` until ``expires_at`` (milliseconds)."""
    connection.execute(
        insert(event_secrets),
        {"offset": offset, "user_id": user_id, "sealed": sealed, "expires_at": expires_at},
    )


def secret_at(connection: Connection, encryption: Encryption, offset: int) -> str:
    """The secret of the event at ``offset``; empty if there is none, or none that still works."""
    sealed = connection.scalar(
        select(event_secrets.c.sealed).where(
            event_secrets.c.offset == offset, event_secrets.c.expires_at > now()
        )
    )
    try:
        return encryption.open(sealed) if sealed else ""
    except SealError:
        return ""


def forget_secrets(connection: Connection, user_id: str) -> None:
    """Delete all secrets of a user."""
    connection.execute(delete(event_secrets).where(event_secrets.c.user_id == user_id))
