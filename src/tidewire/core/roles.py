"""Roles: what permissions are granted to, and which of them a caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

GUEST_ROLES: Final = ("guests",)
"""Roles of a caller without a user; ``any``, which everyone holds, is never listed."""


@dataclass(frozen=True)
class Membership:
    """A user's place in a team."""

    id: str
    team_id: str
    roles: tuple[str, ...]
    confirmed: bool
    """False until an invitation is accepted; the membership then gives no role at all."""
    confined: bool = False
    """Whether the member of an organisation of the console may see only single projects of it, and nothing
    that the organisation shares."""


def user_roles(
    user_id: str, verified: bool, labels: Sequence[str], memberships: Sequence[Membership]
) -> tuple[str, ...]:
    """All roles of a user but ``any``, in the order in which Appwrite lists them.

    ``verified`` means that the email address or the phone number is.
    """
    verification = "verified" if verified else "unverified"
    own = (f"user:{user_id}", "users", f"user:{user_id}/{verification}", f"users/{verification}")
    return own + granted_roles(labels, memberships)


def granted_roles(labels: Sequence[str], memberships: Sequence[Membership]) -> tuple[str, ...]:
    """The roles that come from confirmed memberships and from labels."""
    roles: list[str] = []
    for membership in memberships:
        if membership.confirmed:
            team = f"team:{membership.team_id}"
            if not membership.confined:
                roles.append(team)
            roles += [f"member:{membership.id}", *(f"{team}/{role}" for role in membership.roles)]
    roles += [f"label:{label}" for label in labels]
    return tuple(roles)
