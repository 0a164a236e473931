"""The password of a user, set by a server."""

from __future__ import annotations

from typing import Annotated, Any, Final

from sqlalchemy import Row

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import OrEmpty, Password
from tidewire.core.models import User
from tidewire.core.time import now
from tidewire.services.account.records import find_user
from tidewire.services.account.sign_in import end_other_sessions
from tidewire.services.context import Context
from tidewire.services.one_time import TokenType, delete_tokens
from tidewire.services.password_policy import (
    PersonalData,
    password_columns,
    require_acceptable,
    require_unused,
)
from tidewire.services.users import operations
from tidewire.services.users.events import PASSWORD_UPDATED
from tidewire.services.users.records import change_in
from tidewire.store.engine.database import Transaction

_RECOVERY: Final[tuple[TokenType, ...]] = ("recovery",)


@operations.declare(
    "updatePassword",
    "PATCH",
    "/users/{userId}/password",
    scopes=("users.write",),
    event=PASSWORD_UPDATED,
)
async def update_password(
    context: Context, user_id: ResourceId, password: Annotated[str, OrEmpty(Password(8, 256))]
) -> User:
    """Set a user's password; an empty one removes it.

    All sessions of the user end unless the project lets them go on.
    """
    settings = context.project.settings
    user = await context.database.read(lambda connection: find_user(connection, user_id))
    new_hash = await _accepted(context, user, password) if password else ""

    def unit(transaction: Transaction) -> User:
        current = find_user(transaction.connection, user_id)
        delete_tokens(transaction.connection, user_id, _RECOVERY)
        if new_hash:
            columns = password_columns(settings, new_hash, current.password_history)
        else:
            columns = _NO_PASSWORD | {"password_updated_at": now()}
        changed = change_in(transaction, context, user_id, PASSWORD_UPDATED, **columns)
        if settings.session_invalidation:  # after the event, which the sessions that end hear too
            end_other_sessions(transaction, context, user_id, kept="")
        return changed

    return await context.database.write(unit)


_NO_PASSWORD: Final[dict[str, Any]] = {"password_hash": None, "hash": "", "hash_options": {}}


async def _accepted(context: Context, user: Row[Any], password: str) -> str:
    """The hash of a new password that the project accepts."""
    settings = context.project.settings
    personal = PersonalData(user.id, user.name, user.email or "", user.phone or "")
    await require_acceptable(settings, password, personal)
    await require_unused(settings, context.passwords, password, user)
    return await context.passwords.hash(password)
