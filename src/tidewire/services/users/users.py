"""Users: listed, read and deleted, with their preferences, memberships and audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.models import LogList, MembershipList, Preferences, User, UserList
from tidewire.services.audit import logs_of
from tidewire.services.context import Context
from tidewire.services.teams.views import MEMBERS, SERVER, memberships_of
from tidewire.services.user_deletion import USER_DELETED, delete_user, publish_deletion, purge_later
from tidewire.services.users import operations
from tidewire.services.users.records import find_shown_user, users_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.teams import MEMBERSHIPS
from tidewire.store.records.users import USERS, find_account, find_user


@operations.read("list", "GET", "/users", scopes=("users.read",))
def list_users(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(USERS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> UserList:
    """List the users of the project."""
    count, rows = list_rows(connection, USERS, queries, search, (), total)
    return UserList(total=count, users=users_of(connection, context.caller, rows))


@operations.read("get", "GET", "/users/{userId}", scopes=("users.read",))
def get(connection: Connection, context: Context, user_id: ResourceId) -> User:
    """Get a user."""
    return find_shown_user(connection, context.caller, user_id)


@operations.read("getPrefs", "GET", "/users/{userId}/prefs", scopes=("users.read",), model=Preferences)
def get_prefs(connection: Connection, _: Context, user_id: ResourceId) -> dict[str, Any]:
    """Get the preferences of a user."""
    prefs: dict[str, Any] = find_user(connection, user_id).prefs
    return prefs


@operations.read("listMemberships", "GET", "/users/{userId}/memberships", scopes=("users.read",))
def list_memberships(
    connection: Connection,
    context: Context,
    user_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(MEMBERSHIPS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> MembershipList:
    """List the teams that a user is in or invited to."""
    viewer = SERVER if context.caller.bypasses_permissions else MEMBERS
    find_user(connection, user_id)
    count, rows = list_rows(connection, MEMBERSHIPS, queries, search, (), total, user_id=user_id)
    shown = memberships_of(connection, context.project.settings, rows, viewer)
    return MembershipList(total=count, memberships=shown)


@operations.read("listLogs", "GET", "/users/{userId}/logs", scopes=("users.read",))
def list_logs(
    connection: Connection,
    _: Context,
    user_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList((), kinds=("limit", "offset"))] = (),
    total: Boolean = True,
) -> LogList:
    """List what a user did with the account, the newest first."""
    return logs_of(connection, find_account(connection, user_id), queries, total=total)


@operations.declare("delete", "DELETE", "/users/{userId}", scopes=("users.write",), event=USER_DELETED)
async def delete(context: Context, user_id: ResourceId) -> None:
    """Delete a user with everything that belongs to them; the id is free again.

    Personal data in logs and outboxes is deleted too, within seconds.
    """

    def unit(transaction: Transaction) -> None:
        delete_user(transaction, user_id)
        publish_deletion(transaction, context.project, context.caller.user_id, user_id)

    await context.database.write(unit)
    purge_later(context, user_id)
