"""Live roles: the roles of open connections, which follow the entitlements of their users.

The entitlements of a user are known here as of the last event that was handled, and changed by each event
that tells of a change, in the order of the log. So every event is matched with the roles as of its commit,
however much later it is delivered and whatever was committed since.

An event that tells of a change goes to those who were entitled to it before the change, and to those who are
after it: a new member and a removed one both hear of it, and so does a session that is ended.

A session that lacks its second factor makes a guest's connection. Its user is followed all the same, so that
the connection is the user's from the event on that tells of the factor.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tidewire.core.channels import guest_channels, rebind_channels
from tidewire.core.entitlements import Change, Entitlements, entitlements_of
from tidewire.core.identities import Identity
from tidewire.core.project_settings import MfaFactors
from tidewire.core.roles import GUEST_ROLES
from tidewire.core.second_factors import second_factor_missing
from tidewire.core.time import parse_datetime
from tidewire.realtime.matching.index import Index
from tidewire.realtime.receivers.receiver import EVERYTHING, Login, Receiver, Subscription
from tidewire.realtime.roles.identities import Identities

EARLY_MS: Final = 1000
"""Sessions count as expired this much earlier, so that one look each second is enough for all of them."""


@dataclass(frozen=True)
class Transition:
    """A change of a user whose connections are open, ready to be made."""

    change: Change
    after: Entitlements | None
    """The entitlements after the change; None if there is no such user any more, or they stay."""
    sessions: Mapping[str, bool] | None = None
    """The sessions that the user has, by id, and whether they lack no second factor.

    None: the change is not about sessions.
    """

    def ends(self, receiver: Receiver) -> bool:
        """Whether the session of a connection has ended, and with it the connection's being the user's."""
        if self.sessions is None:
            return True
        session = self._session_of(receiver)
        return bool(session) and session not in self.sessions

    def shows(self, receiver: Receiver, *, complete: bool) -> bool:
        """Whether the session of a connection is there, and lacks no second factor, or lacks one."""
        return self.sessions is not None and self.sessions.get(self._session_of(receiver)) is complete

    def _session_of(self, receiver: Receiver) -> str:
        """The session that a connection showed of the user who changes; empty if it showed none."""
        login = receiver.login
        if login is None or login.owner not in {"", self.change.user_id}:
            return ""
        return login.session_id


class LiveRoles:
    """The users and roles of all connections of a project."""

    def __init__(
        self,
        index: Index,
        identities: Identities,
        factors: Callable[[], Awaitable[MfaFactors]],
        signed_out: Callable[[Receiver], None] | None = None,
    ) -> None:
        """``factors`` tells which second factors the project permits now.

        ``signed_out`` is called for each connection that has just become a guest's.
        """
        self._signed_out = signed_out
        self.next_expiry: float = math.inf
        """The time before which no session of a connection expires, in milliseconds since the epoch."""
        self._index = index
        self.identities = identities
        self.factors = factors
        self._entitlements: dict[str, tuple[Entitlements, tuple[str, ...]]] = {}
        """Entitlements of users with open connections, with the roles that follow from them."""
        self._owned: dict[str, set[Receiver]] = {}
        """Connections that are not the user's whose session was shown, by that user: those of guests whose
        sessions lack a second factor, and those of users whom others act as."""
        self._look_ups: list[set[str]] = []

    @contextmanager
    def look_up(self) -> Iterator[set[str]]:
        """The ids of the users that change while the context lasts, in which a user is looked up."""
        changed: set[str] = set()
        self._look_ups.append(changed)
        try:
            yield changed
        finally:
            self._look_ups.remove(changed)

    def join(self, receiver: Receiver, identity: Identity | None, *, foreign: bool) -> None:
        """Make a connection of a user, or a guest, known.

        The roles of a ``foreign`` user, one of the console, stay as they are.
        """
        receiver.roles = GUEST_ROLES
        if identity is not None:
            receiver.user_id = identity.user_id
            receiver.roles = self._entitle(receiver, identity, foreign=foreign)
        self._index.join(receiver)

    def follow_session(self, receiver: Receiver, identity: Identity) -> None:
        """Follow the session that a connection showed of a user whose connection it is not.

        A guest's becomes the user's once the session shows its second factor. That of a user whom the other
        acts as becomes a guest's once the other's session ends, or the other may not act as anybody any more.
        """
        user_id = identity.user_id
        if receiver.user_id == user_id:
            self._entitle(receiver, identity, foreign=False)
            return
        receiver.login = Login(identity.session_id, identity.session_expires, foreign=False, owner=user_id)
        if identity.session_expires:
            self.next_expiry = min(self.next_expiry, identity.session_expires)
        self._owned.setdefault(user_id, set()).add(receiver)
        self._set(entitlements_of(identity))

    def awaiting(self, user_id: str) -> int:
        """How many connections await a second factor of this user."""
        return len(self._awaited_by(user_id))

    def leave(self, receiver: Receiver) -> None:
        """Forget a connection; it may be one that never joined."""
        user_id = receiver.user_id
        self._index.leave(receiver)
        self._forget(user_id)
        self._give_up(receiver)

    def log_in(self, receiver: Receiver, identity: Identity, subscriptions: list[Subscription]) -> None:
        """Make an open connection that of another user, with these subscriptions."""
        before = receiver.user_id
        self._give_up(receiver)
        roles = self._entitle(receiver, identity, foreign=False)
        self._index.move(receiver, identity.user_id, roles, subscriptions)
        if before != identity.user_id:
            self._forget(before)

    def entitle_to_everything(self, receiver: Receiver) -> None:
        """Make an open connection that of a program with an API key."""
        before = receiver.user_id
        self._give_up(receiver)
        receiver.login = None
        self._index.move(receiver, "", EVERYTHING, list(receiver.subscriptions.values()))
        self._forget(before)

    async def prepare(self, change: Change) -> Transition | None:
        """Find out what a change means for open connections; None if it means nothing."""
        user_id = change.user_id
        for changed in self._look_ups:
            changed.add(user_id)
        held = self._entitlements.get(user_id)
        if held is None:
            return None
        if change.kind == "entitlements":
            after = change.apply(held[0])
            if held[0].mfa or after.mfa:
                return Transition(change, after, await self._sessions_of(user_id))
            return Transition(change, after) if after != held[0] else None
        if change.kind == "sessions":
            return Transition(change, None, await self._sessions_of(user_id))
        if change.kind == "anything":
            identity = await self.identities.by_id(user_id)
            return Transition(change, entitlements_of(identity) if identity else None)
        if change.kind == "session":
            self._prolong(change)
            return None
        return Transition(change, None)

    def begin(self, transition: Transition) -> None:
        """Give what is gained by a change; to be called before the event that tells of it is matched."""
        held = self._entitlements.get(transition.change.user_id)
        if transition.change.kind == "anything":
            self.finish(transition)
        elif held is not None and transition.after is not None:
            for receiver in self._awaited_by(transition.change.user_id):
                if transition.shows(receiver, complete=True):
                    self._admit(receiver)
            self._give(transition.change.user_id, tuple(dict.fromkeys(held[1] + transition.after.roles)))

    def finish(self, transition: Transition) -> None:
        """Take what is lost by a change; to be called after the event that tells of it was delivered."""
        user_id, after = transition.change.user_id, transition.after
        if after is not None:
            if user_id in self._entitlements:
                self._set(after)
            for receiver in self._connections_of(user_id):
                if transition.shows(receiver, complete=False):
                    self._suspend(receiver)
            for receiver in self._acted_for(user_id):
                may_act = after.impersonator and not after.blocked
                if not may_act or transition.shows(receiver, complete=False):
                    self._sign_out(receiver)
            return
        for receiver in self._connections_of(user_id) + self._acted_for(user_id):
            if transition.ends(receiver):
                self._sign_out(receiver)
        for receiver in self._awaited_by(user_id):
            if transition.ends(receiver):
                self._give_up(receiver)

    def expire(self, now: int) -> None:
        """Make connections whose sessions have expired those of guests; ``now``: milliseconds."""
        if now < self.next_expiry - EARLY_MS:
            return
        expired: list[Receiver] = []
        self.next_expiry = math.inf
        for receiver in self._index.signed_in():
            if receiver.login is None or not receiver.login.expires:
                continue
            if receiver.login.expires - EARLY_MS <= now:
                expired.append(receiver)
            else:
                self.next_expiry = min(self.next_expiry, receiver.login.expires)
        for receiver in expired:
            self._sign_out(receiver)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of any user."""
        return not (self._entitlements or self._look_ups or self._owned)

    async def _sessions_of(self, user_id: str) -> dict[str, bool]:
        policy = await self.factors()
        return {
            identity.session_id: not second_factor_missing(identity, policy)
            for identity in await self.identities.open_sessions(user_id)
        }

    def _entitle(self, receiver: Receiver, identity: Identity, *, foreign: bool) -> tuple[str, ...]:
        """The roles of a connection of a user who was just looked up."""
        receiver.login = None
        if identity.session_id or foreign:
            receiver.login = Login(identity.session_id, identity.session_expires, foreign=foreign)
            if identity.session_expires:
                self.next_expiry = min(self.next_expiry, identity.session_expires)
        return identity.roles if foreign else self._set(entitlements_of(identity))

    def _set(self, entitlements: Entitlements) -> tuple[str, ...]:
        held = self._entitlements.get(entitlements.user_id)
        roles = held[1] if held is not None and held[0] == entitlements else entitlements.roles
        self._entitlements[entitlements.user_id] = (entitlements, roles)
        self._give(entitlements.user_id, roles)
        return roles

    def _give(self, user_id: str, roles: tuple[str, ...]) -> None:
        for receiver in self._connections_of(user_id):
            if receiver.roles != roles:
                self._index.move(receiver, user_id, roles, list(receiver.subscriptions.values()))

    def _prolong(self, change: Change) -> None:
        for receiver in [*self._connections_of(change.user_id), *self._owned.get(change.user_id, ())]:
            if receiver.login is not None and receiver.login.session_id == change.session_id:
                receiver.login.expires = parse_datetime(change.expires)

    def _admit(self, receiver: Receiver) -> None:
        """Make a connection its user's, whose session has shown its second factor."""
        login = receiver.login
        assert login is not None
        user_id = login.owner
        subscriptions = rebound(receiver, user_id)
        self._index.move(receiver, user_id, self._entitlements[user_id][1], subscriptions)
        self._give_up(receiver)
        receiver.login = Login(login.session_id, login.expires, foreign=False)
        self.next_expiry = min(self.next_expiry, login.expires)

    def _suspend(self, receiver: Receiver) -> None:
        """Make a connection a guest's until its session shows the second factor that it needs now."""
        login, user_id = receiver.login, receiver.user_id
        assert login is not None
        self._owned.setdefault(user_id, set()).add(receiver)
        self._sign_out(receiver)
        receiver.login = Login(login.session_id, login.expires, foreign=False, owner=user_id)

    def _give_up(self, receiver: Receiver) -> None:
        """Follow no session any more that is of another user than the connection."""
        owner = receiver.login.owner if receiver.login is not None else ""
        if not owner:
            return
        receiver.login = None
        others = self._owned[owner]
        others.discard(receiver)
        if not others:
            del self._owned[owner]
            self._forget(owner)

    def _sign_out(self, receiver: Receiver) -> None:
        user_id = receiver.user_id
        self._give_up(receiver)
        subscriptions = [
            Subscription(receiver, held.id, guest_channels(held.channels, user_id), held.filter, held.since)
            for held in receiver.subscriptions.values()
        ]
        self._index.move(receiver, "", GUEST_ROLES, subscriptions)
        receiver.login = None
        self._forget(user_id)
        if self._signed_out is not None:
            self._signed_out(receiver)

    def _forget(self, user_id: str) -> None:
        """Forget a user who has no connections."""
        if not self._connections_of(user_id) and user_id not in self._owned:
            self._entitlements.pop(user_id, None)

    def _connections_of(self, user_id: str) -> list[Receiver]:
        """The connections of a user of this project."""
        return [
            receiver
            for receiver in self._index.connections_of(user_id)
            if receiver.login is None or not receiver.login.foreign
        ]

    def _awaited_by(self, user_id: str) -> list[Receiver]:
        """The connections that await a second factor of this user."""
        return [receiver for receiver in self._owned.get(user_id, ()) if not receiver.user_id]

    def _acted_for(self, user_id: str) -> list[Receiver]:
        """The connections of others whom this user acts as."""
        return [receiver for receiver in self._owned.get(user_id, ()) if receiver.user_id]


def rebound(receiver: Receiver, user_id: str) -> list[Subscription]:
    """The subscriptions of a connection as they are once it is another user's."""
    return [
        Subscription(
            receiver,
            held.id,
            rebind_channels(held.channels, receiver.user_id, user_id),
            held.filter,
            held.since,
        )
        for held in receiver.subscriptions.values()
    ]
