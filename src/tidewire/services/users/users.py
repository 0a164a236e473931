"""Finding users, what belongs to them, and deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.models import LogList, MembershipList, Preferences, User, UserList
from tidewire.services.account.records import find_account, find_user
from tidewire.services.audit import logs_of
from tidewire.services.context import Context
from tidewire.services.teams.memberships import MEMBERSHIP_LIST
from tidewire.services.teams.views import MEMBERS, SERVER, memberships_of
from tidewire.services.user_deletion import USER_DELETED, delete_user, publish_deletion, purge_later
from tidewire.services.users import operations
from tidewire.services.users.records import find_shown_user, users_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import memberships
from tidewire.store.schema import users as table

_LIST: Final = resource_list(
    table,
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
    searchable=(table.c.search,),
    columns={"passwordUpdate": table.c.password_updated_at, "registration": table.c.registered_at},
)


@operations.declare("list", "GET", "/users", scopes=("users.read",))
async def list_users(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> UserList:
    """List the users of the project."""

    def unit(connection: Connection) -> UserList:
        count, rows = list_rows(connection, _LIST, queries, search, (), total)
        return UserList(total=count, users=users_of(connection, context.caller, rows))

    return await context.database.read(unit)


@operations.declare("get", "GET", "/users/{userId}", scopes=("users.read",))
async def get(context: Context, user_id: ResourceId) -> User:
    """Get a user."""
    return await context.database.read(
        lambda connection: find_shown_user(connection, context.caller, user_id)
    )


@operations.declare("getPrefs", "GET", "/users/{userId}/prefs", scopes=("users.read",), model=Preferences)
async def get_prefs(context: Context, user_id: ResourceId) -> dict[str, Any]:
    """Get the preferences of a user."""
    row = await context.database.read(lambda connection: find_user(connection, user_id))
    prefs: dict[str, Any] = row.prefs
    return prefs


@operations.declare("listMemberships", "GET", "/users/{userId}/memberships", scopes=("users.read",))
async def list_memberships(
    context: Context,
    user_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(MEMBERSHIP_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> MembershipList:
    """List the teams that a user is in or invited to."""
    viewer = SERVER if context.caller.bypasses_permissions else MEMBERS

    def unit(connection: Connection) -> MembershipList:
        find_user(connection, user_id)
        of_user = memberships.c.user_id == user_id
        count, rows = list_rows(connection, MEMBERSHIP_LIST, queries, search, (of_user,), total)
        shown = memberships_of(connection, context.project.settings, rows, viewer)
        return MembershipList(total=count, memberships=shown)

    return await context.database.read(unit)


@operations.declare("listLogs", "GET", "/users/{userId}/logs", scopes=("users.read",))
async def list_logs(
    context: Context,
    user_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList((), kinds=("limit", "offset"))] = (),
    total: Boolean = True,
) -> LogList:
    """List what a user did with the account, the newest first."""
    return await context.database.read(
        lambda connection: logs_of(connection, find_account(connection, user_id), queries, total=total)
    )


@operations.declare("delete", "DELETE", "/users/{userId}", scopes=("users.write",), event=USER_DELETED)
async def delete(context: Context, user_id: ResourceId) -> None:
    """Delete a user with everything that belongs to them; the id is free again.

    What logs and outboxes have of the user goes too, within seconds.
    """

    def unit(transaction: Transaction) -> None:
        find_account(transaction.connection, user_id)
        delete_user(transaction, user_id)
        publish_deletion(transaction, context.project, context.caller.user_id, user_id)

    await context.database.write(unit)
    purge_later(context, user_id)
