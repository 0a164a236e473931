"""Accepting an invitation with the secret from its message."""

from __future__ import annotations

from typing import Annotated, Any

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Membership
from tidewire.core.time import now
from tidewire.services.account.sign_in import Login, NewSession, signed_in_answer, start_session
from tidewire.services.context import Context
from tidewire.services.teams import operations
from tidewire.services.teams.events import MEMBERSHIP_STATUS_UPDATED, publish_membership
from tidewire.services.teams.invitations import is_invitation
from tidewire.services.teams.records import find_membership
from tidewire.services.teams.views import MEMBERS, SERVER, membership_of
from tidewire.services.visits import visit_of
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.teams import add_to_total, change_membership
from tidewire.store.records.users import change_user, find_user


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
        row = find_membership(connection, team_id, membership_id, "membership_not_found")
        user = find_user(connection, row.user_id)
        by_email = is_invitation(row.secret_hash, secret, user.email)
        if not by_email and not is_invitation(row.secret_hash, secret, user.phone):
            raise TidewireError("team_invalid_secret", "The secret of the invitation is not right.")
        # Who does not have the secret learns nothing of the invitation, not even whether it was accepted.
        _require_invited(context, row, user, user_id)
        if row.confirmed:
            raise TidewireError("membership_already_confirmed", "This invitation was accepted before.")
        address = "email" if by_email else "phone"
        change_user(connection, user.id, **{f"{address}_verification": True})
        add_to_total(connection, team_id, 1)
        changed = change_membership(connection, row.sequence, confirmed=True, joined_at=now())
        seen = membership_of(connection, settings, changed, MEMBERS)
        publish_membership(transaction, context, MEMBERSHIP_STATUS_UPDATED, changed, seen)
        # Whoever has the secret stands for the user.
        started = None
        if context.caller.identity is None:
            login = Login(address, getattr(user, address), address, visit)
            started = start_session(transaction, context, user.id, login)
        return membership_of(connection, settings, changed, SERVER), started

    membership, started = await context.database.write(unit)
    if started is not None:
        signed_in_answer(context, started)
    return membership


def _require_invited(context: Context, row: Row[Any], user: Row[Any], named: str) -> None:
    caller = context.caller
    other_caller = caller.kind != "guest" and (caller.kind != "user" or caller.user_id != row.user_id)
    if row.user_id != named or other_caller:
        raise TidewireError("team_invite_mismatch", "The invitation is for another user.")
    if not user.status:
        raise TidewireError("user_blocked", "This user has been blocked.")
