"""Accepting an invitation with the secret from its message."""

from __future__ import annotations

from typing import Annotated, Any

from sqlalchemy import Row, select, update

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Membership
from tidewire.core.time import now
from tidewire.services.account.records import change_user, find_user
from tidewire.services.account.sign_in import Login, NewSession, signed_in_answer, start_session
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.teams import operations
from tidewire.services.teams.events import MEMBERSHIP_STATUS_UPDATED
from tidewire.services.teams.invitations import is_invitation
from tidewire.services.teams.records import (
    add_to_total,
    membership_by_id,
    require_membership_of,
    team_not_found,
)
from tidewire.services.teams.views import MEMBERS, SERVER, membership_of
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.schema import memberships, teams


@operations.declare(
    "updateMembershipStatus",
    "PATCH",
    "/teams/{teamId}/memberships/{membershipId}/status",
    scopes=("public",),
    event=MEMBERSHIP_STATUS_UPDATED,
)
async def update_membership_status(
    context: Context,
    team_id: ResourceId,
    membership_id: ResourceId,
    user_id: ResourceId,
    secret: Annotated[str, Text(1, 256)],
) -> Membership:
    """Accept an invitation.

    Who has the secret reads the mails or messages of the invited user: that address counts as verified,
    and who is not signed in yet is from now on.
    """
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> tuple[Membership, NewSession | None]:
        connection, settings = transaction.connection, context.project.settings
        row = _find(connection, team_id, membership_id)
        user = find_user(connection, row.user_id)
        by_email = is_invitation(row.secret_hash, secret, user.email)
        if not by_email and not is_invitation(row.secret_hash, secret, user.phone):
            raise TidewireError("team_invalid_secret", "The secret of the invitation is not right.")
        # Who does not have the secret learns nothing of the invitation, not even whether it was accepted.
        _require_invited(context, row, user, user_id)
        if row.confirmed:
            raise TidewireError("membership_already_confirmed", "This invitation was accepted before.")
        verified = {"email_verification": True} if by_email else {"phone_verification": True}
        change_user(connection, user.id, **verified)
        changed = _confirm(connection, row)
        parameters = {"userId": user.id, "teamId": team_id, "membershipId": membership_id}
        seen = membership_of(connection, settings, changed, MEMBERS)
        publish(transaction, context, MEMBERSHIP_STATUS_UPDATED, parameters, seen)
        # Whoever has the secret stands for the user.
        started = None
        if context.caller.identity is None:
            started = start_session(transaction, context, user.id, _login(user, by_email, visit))
        return membership_of(connection, settings, changed, SERVER), started

    membership, started = await context.database.write(unit)
    if started is not None:
        signed_in_answer(context, started)
    return membership


def _find(connection: Connection, team_id: str, membership_id: str) -> Row[Any]:
    """Return the membership, whoever asks."""
    row = membership_by_id(connection, membership_id, "membership_not_found")
    if connection.execute(select(teams.c.id).where(teams.c.id == team_id)).one_or_none() is None:
        raise team_not_found()
    require_membership_of(row, team_id)
    return row


def _require_invited(context: Context, row: Row[Any], user: Row[Any], named: str) -> None:
    caller = context.caller
    if row.user_id != named:
        raise _invited_somebody_else()
    if caller.kind != "guest" and (caller.kind != "user" or caller.user_id != row.user_id):
        raise _invited_somebody_else()
    if not user.status:
        raise TidewireError("user_blocked", "This user has been blocked.")


def _confirm(connection: Connection, row: Row[Any]) -> Row[Any]:
    add_to_total(connection, row.team_id, 1)
    moment = now()
    return connection.execute(
        update(memberships)
        .where(memberships.c.sequence == row.sequence)
        .values(confirmed=True, joined_at=moment, updated_at=moment)
        .returning(memberships)
    ).one()


def _login(user: Row[Any], by_email: bool, visit: Visit) -> Login:
    provider = "email" if by_email else "phone"
    return Login(provider, user.email if by_email else user.phone, provider, visit)


def _invited_somebody_else() -> TidewireError:
    return TidewireError("team_invite_mismatch", "The invitation is for another user.")
