"""Entitlements: what the roles of a user follow from, and the events that change it.

A reader of the event log who begins with what was stored at some point of it, and goes on in order, knows the
roles of a user at every later point: each of these events says itself what has changed, so that nothing has
to be looked up that may be newer than the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import msgspec

from tidewire.core.events import Event
from tidewire.core.identities import Identity
from tidewire.core.project_roles import is_confined
from tidewire.core.roles import GUEST_ROLES, Membership, user_roles
from tidewire.core.second_factors import FACTORS_NEEDED

ACCOUNT_ENDED: Final = "identities.[userId].delete"
"""The event that users deleted their own account. It is for the server itself: it has no channels."""
FOUNDER_JOINED: Final = "identities.[userId].memberships.[membershipId].create"
"""The event that the creator of a team has become a member of it. It is for the server itself too."""


@dataclass(frozen=True)
class Entitlements:
    """All that the roles of a user depend on, the same for all sessions of the user."""

    user_id: str
    verified: bool
    labels: tuple[str, ...]
    memberships: tuple[Membership, ...]
    blocked: bool
    mfa: bool
    """Whether sessions need a second factor, if the user has one: each session is to be looked at."""
    impersonator: bool = False
    """Whether the user may act as another."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The user's roles; those of a guest while the user is blocked."""
        if self.blocked:
            return GUEST_ROLES
        return user_roles(self.user_id, self.verified, self.labels, self.memberships)


def entitlements_of(identity: Identity) -> Entitlements:
    """The entitlements of a user as stored."""
    account = identity.account
    return Entitlements(
        user_id=identity.user_id,
        verified=bool(account.email_verification or account.phone_verification),
        labels=tuple(account.labels),
        memberships=identity.memberships,
        blocked=account.status is False,
        mfa=account.mfa,
        impersonator=bool(account.impersonator),
    )


ChangeKind = Literal["entitlements", "sessions", "session", "user", "anything"]


@dataclass(frozen=True)
class Change:
    """What an event changes for the connections of a user."""

    user_id: str
    kind: ChangeKind
    """``entitlements``: :attr:`apply` gives the new ones, and whether sessions need a second factor may have
    changed; ``sessions``: some have ended; ``session``: one lasts longer; ``user``: there is no such user any
    more; ``anything``: the event does not say what changed."""
    apply: Callable[[Entitlements], Entitlements] = lambda entitlements: entitlements
    session_id: str = ""
    """The session, if the kind is ``session``."""
    expires: str = ""
    """The time at which the session ends (ISO 8601), if the kind is ``session``."""


def change_of(event: Event) -> Change | None:
    """What the event changes; None, as for nearly all events, if it changes nobody's roles."""
    find = _CHANGES.get(event.pattern)
    if find is None:
        if event.permissions_changed and event.user_id:
            return Change(event.user_id, "anything")
        return None
    return find(event)


def _member(event: Event) -> Change | None:
    """A membership that is new or was changed. Roles and confirmation are never hidden from the payload."""
    user_id = _user_id(event)
    payload = _payload(event)
    roles, confirmed = payload.get("roles"), payload.get("confirm")
    if not isinstance(roles, list) or not isinstance(confirmed, bool) or is_confined(roles):
        return Change(user_id, "anything")
    parameters = event.parameters
    team_id = parameters.get("teamId") or str(payload.get("teamId", ""))
    joined = Membership(parameters["membershipId"], team_id, tuple(roles), confirmed)
    proves_address = event.pattern.endswith(".update.status")

    def apply(entitlements: Entitlements) -> Entitlements:
        others = tuple(each for each in entitlements.memberships if each.team_id != team_id)
        verified = entitlements.verified or proves_address
        return replace(entitlements, memberships=(*others, joined), verified=verified)

    return Change(user_id, "entitlements", apply)


def _left(event: Event) -> Change:
    team_id = event.parameters["teamId"]

    def apply(entitlements: Entitlements) -> Entitlements:
        others = tuple(each for each in entitlements.memberships if each.team_id != team_id)
        return replace(entitlements, memberships=others)

    return Change(_user_id(event), "entitlements", apply)


def _user(event: Event) -> Change | None:
    """The user was changed; the payload is the account."""
    payload = _payload(event)
    status, labels = payload.get("status"), payload.get("labels")
    if not isinstance(status, bool) or not isinstance(labels, list):
        return None
    verified = bool(payload.get("emailVerification") or payload.get("phoneVerification"))

    def apply(entitlements: Entitlements) -> Entitlements:
        known = replace(entitlements, verified=verified, labels=tuple(labels), blocked=not status)
        return replace(
            known,
            mfa=payload.get("mfa", entitlements.mfa),
            impersonator=bool(payload.get("impersonator", entitlements.impersonator)),
        )

    return Change(_user_id(event), "entitlements", apply)


def _factors(event: Event) -> Change:
    """Second factors were switched on or off, which the payload tells, or there are others now."""
    mfa = _payload(event).get("mfa")
    if not isinstance(mfa, bool):
        return Change(_user_id(event), "entitlements")
    return Change(_user_id(event), "entitlements", lambda entitlements: replace(entitlements, mfa=mfa))


def _address_proven(event: Event) -> Change:
    return Change(_user_id(event), "entitlements", lambda entitlements: replace(entitlements, verified=True))


def _signed_in(event: Event) -> Change | None:
    """Signing in with what was sent to an address proves that address.

    The event also tells that a session which was there before has shown its second factor.
    """
    payload = _payload(event)
    factors = payload.get("factors")
    if not isinstance(factors, list):
        return None
    if payload.get("provider") in _BY_ADDRESS and not _ADDRESSES.isdisjoint(factors):
        return _address_proven(event)
    return Change(_user_id(event), "entitlements") if len(factors) >= FACTORS_NEEDED else None


def _session_updated(event: Event) -> Change:
    expires = _payload(event).get("expire")
    return Change(
        _user_id(event),
        "session",
        session_id=event.parameters["sessionId"],
        expires=expires if isinstance(expires, str) else "",
    )


def _sessions_ended(event: Event) -> Change:
    return Change(_user_id(event), "sessions")


def _user_ended(event: Event) -> Change:
    return Change(_user_id(event), "user")


def _user_id(event: Event) -> str:
    return event.parameters.get("userId") or event.user_id


def _payload(event: Event) -> Mapping[str, Any]:
    payload = msgspec.json.decode(event.payload)
    return payload if isinstance(payload, dict) else {}


_BY_ADDRESS: Final = frozenset({"magic-url", "email", "phone"})
"""Providers of sessions that may have been begun with a secret sent to the user; others use a password."""
_ADDRESSES: Final = frozenset({"email", "phone"})
"""Factors which say that the secret was sent to an address of the user."""
_MEMBERSHIP: Final = "teams.[teamId].memberships.[membershipId]"
_SESSION: Final = "users.[userId].sessions.[sessionId]"

_CHANGES: Final[Mapping[str, Callable[[Event], Change | None]]] = {
    f"{_MEMBERSHIP}.create": _member,
    f"{_MEMBERSHIP}.update": _member,
    f"{_MEMBERSHIP}.update.status": _member,
    f"{_MEMBERSHIP}.delete": _left,
    FOUNDER_JOINED: _member,
    "teams.[teamId].create": lambda _event: None,  # the founder's membership was told of before
    **{
        f"users.[userId].update.{what}": _user
        for what in ("email", "phone", "status", "labels", "verification", "impersonator")
    },
    "users.[userId].update.mfa": _factors,
    "users.[userId].delete.mfa": _factors,
    "users.[userId].verification.[tokenId].update": _address_proven,
    "users.[userId].recovery.[tokenId].update": _address_proven,
    f"{_SESSION}.create": _signed_in,
    f"{_SESSION}.update": _session_updated,
    f"{_SESSION}.delete": _sessions_ended,
    "users.[userId].sessions.delete": _sessions_ended,
    "users.[userId].delete": _user_ended,
    ACCOUNT_ENDED: _user_ended,
}
"""Event patterns that change what users are entitled to, and how to read the change from the event.

``teams.[teamId].delete`` is not among them: the end of a team is followed by an event for each membership.
"""
