"""The own account: sign-up, reading it, deleting it, its audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from tidewire.core.checks.addresses import EmailAddress
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Password, Text
from tidewire.core.entitlements import ACCOUNT_ENDED
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Account, LogList
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations, signed_in
from tidewire.services.account.events import USER_CREATED
from tidewire.services.account.sign_up import require_method, require_room
from tidewire.services.audit import logs_of, record
from tidewire.services.context import Context
from tidewire.services.password_policy import PersonalData, password_columns, require_acceptable
from tidewire.services.publishing import publish, publish_unseen
from tidewire.services.user_deletion import delete_user, purge_later
from tidewire.services.visits import visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.projects import CONSOLE_PROJECT_ID
from tidewire.store.records.teams import delete_team, teams_owned_alone
from tidewire.store.records.users import find_user, insert_user


@operations.declare(
    "create",
    "POST",
    "/account",
    scopes=("sessions.write",),
    status=201,
    event=USER_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},ip:{ip}",)),
)
async def create(
    context: Context,
    user_id: CustomId,
    email: EmailAddress,
    password: Annotated[str, Password(8, 256)],
    name: Annotated[str, Text(1, 128)] = "",
) -> Account:
    """Sign up with an e-mail address and a password."""
    require_method(context, "email-password")
    new_id = chosen_id(user_id)
    address = email.lower()
    settings = context.project.settings
    # Whether there is room is said before anything is said about other users.
    await context.database.read(lambda connection: require_room(connection, context))
    await require_acceptable(settings, password, PersonalData(new_id, name, address))
    password_hash = await context.passwords.hash(password)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Account:
        require_room(transaction.connection, context)
        columns = password_columns(settings, password_hash, ())
        account = insert_user(transaction.connection, new_id, name=name, email=address, password=columns)
        publish(transaction, context, USER_CREATED, {"userId": new_id}, account)
        record(transaction, new_id, "user.create", visit)
        return account

    return await context.database.write(unit)


@operations.declare("get", "GET", "/account", scopes=("account",))
async def get(context: Context) -> Account:
    """Get the account of the signed-in user."""
    return signed_in(context).account


@operations.declare("delete", "DELETE", "/account", scopes=("account",))
async def delete(context: Context) -> None:
    """Delete the account of the signed-in user, for good.

    It is published nowhere, but open connections notice. The last owner of a team of the console that has
    projects must hand it over or delete it first: they would belong to nobody.
    """
    user_id = signed_in(context).user_id

    def unit(transaction: Transaction) -> None:
        find_user(transaction.connection, user_id)
        if context.project.id == CONSOLE_PROJECT_ID:
            leave_owned_teams(transaction.connection, user_id)
        delete_user(transaction, user_id)
        publish_unseen(transaction, ACCOUNT_ENDED, {"userId": user_id}, {})

    await context.database.write(unit)
    purge_later(context, user_id)
    context.session_ended = True


@operations.read("listLogs", "GET", "/account/logs", scopes=("account",))
def list_logs(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList((), kinds=("limit", "offset"))] = (),
    total: Boolean = True,
) -> LogList:
    """List what the signed-in user did, the newest first."""
    return logs_of(connection, signed_in(context).account, queries, total=total)


def leave_owned_teams(connection: Connection, user_id: str) -> None:
    """Let an owner of teams go, in the transaction that deletes the user.

    A team with another owner stays as it is. One with other members stays without an owner, and one without
    is deleted too. Raises ``user_deletion_prohibited`` if a team has projects, which nobody would own.
    """
    for team, has_others, has_projects in teams_owned_alone(connection, user_id):
        if has_projects:
            message = "You are the last owner of a team with projects: hand it over or delete it first."
            raise TidewireError("user_deletion_prohibited", message)
        if not has_others:
            delete_team(connection, team.sequence)
