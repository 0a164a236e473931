"""What users are entitled to, event by event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidewire.core.entitlements import ACCOUNT_ENDED, FOUNDER_JOINED, Change, Entitlements, change_of
from tidewire.core.events import Event
from tidewire.core.roles import GUEST_ROLES, Membership

ANNA = Entitlements("anna", verified=False, labels=(), memberships=(), blocked=False, mfa=False)
MEMBER = "teams.[teamId].memberships.[membershipId]."
IDS = {"teamId": "t", "userId": "anna", "membershipId": "m", "sessionId": "s", "tokenId": "k"}


def event(pattern: str, payload: Any = None, **changes: Any) -> Event:
    encoded = json.dumps({} if payload is None else payload).encode()
    return Event(
        pattern=pattern, parameters=IDS, channels=[], roles=[], payload=encoded, timestamp=1, **changes
    )


def after(entitlements: Entitlements, pattern: str, payload: Any = None) -> Entitlements:
    change = change_of(event(pattern, payload))
    assert change is not None
    assert (change.user_id, change.kind) == ("anna", "entitlements")
    return change.apply(entitlements)


def test_memberships_come_and_go() -> None:
    invited = after(ANNA, MEMBER + "create", {"roles": ["owner"], "confirm": False})
    assert "team:t" not in invited.roles
    joined = after(invited, MEMBER + "update.status", {"roles": ["owner"], "confirm": True})
    assert {"team:t", "member:m", "team:t/owner", "users/verified"} <= set(joined.roles)
    changed = after(joined, MEMBER + "update", {"roles": ["editor"], "confirm": True})
    assert "team:t/editor" in changed.roles
    assert "team:t/owner" not in changed.roles
    assert after(changed, MEMBER + "delete").memberships == ()
    assert "team:t" in after(ANNA, FOUNDER_JOINED, {"roles": [], "confirm": True}).roles


def test_leaving_ends_whatever_membership_of_the_team_there_is() -> None:
    others = Membership("x", "other", (), confirmed=True)
    rejoined = Membership("m2", "t", (), confirmed=True)
    entitlements = Entitlements("anna", False, (), (others, rejoined), blocked=False, mfa=False)
    assert after(entitlements, MEMBER + "delete").memberships == (others,)


def test_the_account_says_what_changed_in_it() -> None:
    payload = {"labels": ["vip"], "emailVerification": True, "phoneVerification": False, "status": True}
    entitlements = after(ANNA, "users.[userId].update.labels", payload)
    assert {"label:vip", "users/verified"} <= set(entitlements.roles)
    blocked = after(entitlements, "users.[userId].update.status", payload | {"status": False})
    assert blocked.roles == GUEST_ROLES
    assert after(blocked, "users.[userId].update.status", payload) == entitlements


@pytest.mark.parametrize("pattern", ["verification.[tokenId].update", "recovery.[tokenId].update"])
def test_what_proves_an_address_verifies(pattern: str) -> None:
    assert "users/verified" in after(ANNA, f"users.[userId].{pattern}").roles


@pytest.mark.parametrize(
    ("session", "verifies"),
    [
        ({"provider": "magic-url", "factors": ["email"]}, True),
        ({"provider": "phone", "factors": ["phone"]}, True),
        ({"provider": "email", "factors": ["password"]}, False),
        ({"provider": "oauth2", "factors": ["email"]}, False),
        ({"provider": "anonymous", "factors": ["anonymous"]}, False),
    ],
)
def test_signing_in_by_mail_or_phone_verifies(session: dict[str, Any], verifies: bool) -> None:
    change = change_of(event("users.[userId].sessions.[sessionId].create", session))
    assert (change is not None) == verifies


def test_second_factors_are_switched_on_and_off() -> None:
    on = after(ANNA, "users.[userId].update.mfa", {"mfa": True})
    assert on.mfa
    assert after(on, "users.[userId].update.mfa", {"secret": "", "uri": ""}) == on
    assert after(on, "users.[userId].delete.mfa") == on
    assert after(on, "users.[userId].update.mfa", {"mfa": False}) == ANNA
    assert after(ANNA, "users.[userId].update.labels", {"labels": [], "status": True, "mfa": True}) == on


def test_a_session_that_shows_its_second_factor_is_told_of_as_created() -> None:
    session = {"provider": "email", "factors": ["password", "totp"]}
    assert after(ANNA, "users.[userId].sessions.[sessionId].create", session) == ANNA


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("users.[userId].sessions.[sessionId].delete", "sessions"),
        ("users.[userId].sessions.delete", "sessions"),
        ("users.[userId].delete", "user"),
        (ACCOUNT_ENDED, "user"),
    ],
)
def test_what_ends(pattern: str, kind: str) -> None:
    change = change_of(event(pattern))
    assert change is not None
    assert (change.user_id, change.kind) == ("anna", kind)


def test_a_longer_session_says_until_when() -> None:
    until = "2030-01-01T00:00:00.000+00:00"
    change = change_of(event("users.[userId].sessions.[sessionId].update", {"expire": until}))
    assert isinstance(change, Change)
    assert (change.kind, change.session_id, change.expires) == ("session", "s", until)


@pytest.mark.parametrize(
    "pattern",
    [
        "users.[userId].update.prefs",
        "buckets.[bucketId].files.[fileId].create",
        "teams.[teamId].create",
        "teams.[teamId].delete",
    ],
)
def test_what_users_write_themselves_entitles_to_nothing(pattern: str) -> None:
    payload = {"$id": "anna", "labels": ["admin"], "status": True, "roles": ["owner"], "confirm": True}
    assert change_of(event(pattern, payload)) is None


def test_an_unknown_event_that_changes_permissions_has_all_looked_up() -> None:
    change = change_of(event("clubs.[teamId].create", user_id="anna", permissions_changed=True))
    assert change is not None
    assert (change.user_id, change.kind) == ("anna", "anything")
