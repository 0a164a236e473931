"""Roles of callers.

Vectors of class ``quirk`` are not followed: there ids and roles named ``0`` count as none, which gives a
user the roles of another. Here ``user:0`` is a user like any other.
"""

from __future__ import annotations

import pytest

from tests.vectors import Case, load_cases
from tidewire.core.roles import GUEST_ROLES, Membership, granted_roles, user_roles

QUIRKS = {
    "user id zero (falsy in PHP)": ("user:0", "users", "user:0/unverified", "users/unverified"),
    "team id zero": (
        "user:u1",
        "users",
        "user:u1/unverified",
        "users/unverified",
        "team:0",
        "member:m1",
        "team:0/o",
    ),
    "role zero": (
        "user:u1",
        "users",
        "user:u1/unverified",
        "users/unverified",
        "team:t1",
        "member:m1",
        "team:t1/0",
    ),
}


def memberships_of(user: Case) -> list[Membership]:
    """Stored memberships always have an id and a team; some vectors leave one out."""
    return [
        Membership(
            id=stored["$id"],
            team_id=stored["teamId"],
            roles=tuple(stored.get("roles") or ()),
            confirmed=bool(stored.get("confirm")),
        )
        for stored in user.get("memberships", [])
        if "$id" in stored and "teamId" in stored
    ]


def roles_of(case: Case) -> tuple[str, ...]:
    user = case["user"]
    labels, memberships = user.get("labels", []), memberships_of(user)
    if "keys" in case["authorizationRoles"]:
        return granted_roles(labels, memberships)
    if "$id" not in user:
        return GUEST_ROLES
    verified = bool(user.get("emailVerification") or user.get("phoneVerification"))
    return user_roles(user["$id"], verified, labels, memberships)


@pytest.mark.parametrize("case", load_cases("user_roles"))
def test_vectors(case: Case) -> None:
    expected = QUIRKS[case["name"]] if case["class"] == "quirk" else tuple(case["expected"])
    assert roles_of(case) == expected
