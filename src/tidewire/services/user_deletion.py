"""The deletion of a user with everything that belongs to them."""

from __future__ import annotations

from typing import Final

from tidewire.services.context import Context
from tidewire.services.publishing import project_event
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.instance.instance import Project
from tidewire.store.records.presences import end_presences_of
from tidewire.store.records.users import find_user, remove_user
from tidewire.store.upkeep.outbox import Outbox
from tidewire.store.upkeep.purging import purge, request_purge

USER_DELETED: Final = "users.[userId].delete"


def delete_user(transaction: Transaction, user_id: str) -> None:
    """Delete the user with sessions, targets, tokens, factors, memberships and the presence.

    Personal data in logs and outboxes is marked for :func:`purge_later`. Raises ``user_not_found``.
    """
    connection = transaction.connection
    user = find_user(connection, user_id)
    end_presences_of(transaction, user_id)
    request_purge(connection, user_id, (user.email, user.phone))
    remove_user(connection, user_id)


def publish_deletion(transaction: Transaction, project: Project, actor_id: str, user_id: str) -> None:
    """Write the event of a deletion, which holds nothing of the user but the id."""
    transaction.append(project_event(project, actor_id, USER_DELETED, {"userId": user_id}, {"$id": user_id}))


def purge_later(context: Context, user_id: str) -> None:
    """Delete personal data of a deleted user from logs and outboxes, in the background."""
    outbox = Outbox(context.settings.data_dir)
    context.database.run_beside(_purge(context.database, outbox, user_id))


async def _purge(database: Database, outbox: Outbox, user_id: str) -> None:
    await purge(database, outbox, user_id)
