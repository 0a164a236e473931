"""Events of teams and memberships."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row

from tidewire.core.entitlements import FOUNDER_JOINED
from tidewire.services.publishing import publish_unseen
from tidewire.store.engine.database import Transaction

TEAM_CREATED: Final = "teams.[teamId].create"
TEAM_UPDATED: Final = "teams.[teamId].update"
TEAM_PREFERENCES_UPDATED: Final = "teams.[teamId].update.prefs"
TEAM_DELETED: Final = "teams.[teamId].delete"
MEMBERSHIP_CREATED: Final = "teams.[teamId].memberships.[membershipId].create"
MEMBERSHIP_UPDATED: Final = "teams.[teamId].memberships.[membershipId].update"
MEMBERSHIP_STATUS_UPDATED: Final = "teams.[teamId].memberships.[membershipId].update.status"
MEMBERSHIP_DELETED: Final = "teams.[teamId].memberships.[membershipId].delete"


def publish_founder(transaction: Transaction, membership: Row[Any]) -> None:
    """Tell open connections of the membership that a new team begins with; no other event does."""
    parameters = {
        "userId": membership.user_id,
        "membershipId": membership.id,
        "teamId": membership.team_id,
    }
    payload = {"roles": membership.roles, "confirm": membership.confirmed}
    publish_unseen(transaction, FOUNDER_JOINED, parameters, payload)
