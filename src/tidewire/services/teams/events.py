"""Events of teams and memberships."""

from __future__ import annotations

from typing import Any, Final

from tidewire.core.entitlements import FOUNDER_JOINED
from tidewire.core.models import Membership
from tidewire.services.context import Context
from tidewire.services.publishing import publish, publish_unseen
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction

TEAM_CREATED: Final = "teams.[teamId].create"
TEAM_UPDATED: Final = "teams.[teamId].update"
TEAM_PREFERENCES_UPDATED: Final = "teams.[teamId].update.prefs"
TEAM_DELETED: Final = "teams.[teamId].delete"
MEMBERSHIP_CREATED: Final = "teams.[teamId].memberships.[membershipId].create"
MEMBERSHIP_UPDATED: Final = "teams.[teamId].memberships.[membershipId].update"
MEMBERSHIP_STATUS_UPDATED: Final = "teams.[teamId].memberships.[membershipId].update.status"
MEMBERSHIP_DELETED: Final = "teams.[teamId].memberships.[membershipId].delete"


def publish_membership(
    transaction: Transaction, context: Context, pattern: str, row: Row[Any], membership: Membership
) -> None:
    """Write the event of a membership as ``membership`` shows it."""
    parameters = {"userId": row.user_id, "teamId": row.team_id, "membershipId": row.id}
    publish(transaction, context, pattern, parameters, membership)


def publish_founder(transaction: Transaction, membership: Row[Any]) -> None:
    """Tell open connections of the membership that a new team begins with; no other event does."""
    parameters = {"userId": membership.user_id, "teamId": membership.team_id, "membershipId": membership.id}
    payload = {"roles": membership.roles, "confirm": membership.confirmed}
    publish_unseen(transaction, FOUNDER_JOINED, parameters, payload)
