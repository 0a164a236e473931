"""What a user is entitled to, followed through the events that change it.

Somebody who reads the event log in order, beginning with what was stored at some point of it, knows the roles
of a user at every later point: each event here says itself what has changed, so that nothing has to be looked
up that may be newer than the event.
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
"""A user deleted the own account. An event for the server itself: nobody can subscribe to this name."""
FOUNDER_JOINED: Final = "identities.[userId].memberships.[membershipId].create"
"""Who created a team is a member of it. For the server itself too."""


@dataclass(frozen=True)
class Standing:
    """All that the roles of a user depend on, whoever of the user's sessions it is."""

    user_id: str
    verified: bool
    labels: tuple[str, ...]
    memberships: tuple[Membership, ...]
    blocked: bool
    mfa: bool
    """Whether sessions need a second factor, if the user has one: each session is to be looked at."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The user's roles; those of a guest while the user is blocked."""
        if self.blocked:
            return GUEST_ROLES
        return user_roles(self.user_id, self.verified, self.labels, self.memberships)


def standing_of(identity: Identity) -> Standing:
    """The standing of a user as stored."""
    account = identity.account
    return Standing(
        user_id=identity.user_id,
        verified=bool(account.email_verification or account.phone_verification),
        labels=tuple(account.labels),
        memberships=identity.memberships,
        blocked=account.status is False,
        mfa=account.mfa,
    )


Kind = Literal["standing", "sessions", "session", "user", "anything"]


@dataclass(frozen=True)
class Change:
    """What an event changes for the connections of a user."""

    user_id: str
    kind: Kind
    """``standing``: :attr:`apply` gives the new one, and sessions may need a second factor that did not, or
    no longer; ``sessions``: some have ended; ``session``: one lasts
    longer; ``user``: there is no such user any more; ``anything``: the event does not say what."""
    apply: Callable[[Standing], Standing] = lambda standing: standing
    session_id: str = ""
    """Of kind ``session``."""
    expires: str = ""
    """Of kind ``session``: when it ends, ISO 8601."""


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

    def apply(standing: Standing) -> Standing:
        others = tuple(each for each in standing.memberships if each.team_id != team_id)
        return replace(standing, memberships=(*others, joined), verified=standing.verified or proves_address)

    return Change(user_id, "standing", apply)


def _left(event: Event) -> Change:
    team_id = event.parameters["teamId"]

    def apply(standing: Standing) -> Standing:
        others = tuple(each for each in standing.memberships if each.team_id != team_id)
        return replace(standing, memberships=others)

    return Change(_user_id(event), "standing", apply)


def _user(event: Event) -> Change | None:
    """The user was changed; the payload is the account."""
    payload = _payload(event)
    status, labels = payload.get("status"), payload.get("labels")
    if not isinstance(status, bool) or not isinstance(labels, list):
        return None
    verified = bool(payload.get("emailVerification") or payload.get("phoneVerification"))

    def apply(standing: Standing) -> Standing:
        known = replace(standing, verified=verified, labels=tuple(labels), blocked=not status)
        return replace(known, mfa=payload.get("mfa", standing.mfa))

    return Change(_user_id(event), "standing", apply)


def _factors(event: Event) -> Change:
    """Second factors were switched on or off, which the payload tells, or there are others now."""
    mfa = _payload(event).get("mfa")
    if not isinstance(mfa, bool):
        return Change(_user_id(event), "standing")
    return Change(_user_id(event), "standing", lambda standing: replace(standing, mfa=mfa))


def _address_proven(event: Event) -> Change:
    return Change(_user_id(event), "standing", lambda standing: replace(standing, verified=True))


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
    return Change(_user_id(event), "standing") if len(factors) >= FACTORS_NEEDED else None


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
"""Factors that say so."""
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
        for what in ("email", "phone", "status", "labels", "verification")
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
