"""The roles of open connections, which follow their users.

What a user is entitled to is known here as of the last event that was handled, and changed by each event that
tells of a change, in the order of the log. So every event is matched with the roles as they were when it was
committed, however much later it is delivered and whatever was committed since.

An event that tells of a change itself goes to who was entitled to it before the change or is after it: a new
member and a removed one both hear of it, and so does a session that is ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tidewire.core.channels import guest_channels
from tidewire.core.identities import Identity
from tidewire.core.roles import GUEST_ROLES
from tidewire.core.standings import Change, Standing, standing_of
from tidewire.core.time import parse_datetime
from tidewire.realtime.index import Index
from tidewire.realtime.lookups import Identities
from tidewire.realtime.subscriptions import Login, Receiver, Subscription

EARLY_MS: Final = 1000
"""Sessions count as expired this much earlier, so that one look each second is enough for all of them."""


@dataclass(frozen=True)
class Transition:
    """A change of a user whose connections are open, ready to be made."""

    change: Change
    after: Standing | None
    """None: there is no such user any more, or the standing stays."""
    alive: frozenset[str] = frozenset()
    """Of a change of kind ``sessions``: the sessions that the user still has."""


class LiveRoles:
    """Users and roles of all connections of a project."""

    def __init__(self, index: Index, identities: Identities) -> None:
        self.signed_out: Callable[[Receiver], None] = _ignore
        """Called for each connection that has just become a guest's."""
        self.next_expiry: float = math.inf
        """Before this moment no session of a connection expires; milliseconds since the epoch."""
        self._index = index
        self._identities = identities
        self._standings: dict[str, tuple[Standing, tuple[str, ...]]] = {}
        """Of users with open connections, with the roles that follow."""
        self._look_ups: list[set[str]] = []

    @contextmanager
    def look_up(self) -> Iterator[set[str]]:
        """While somebody is looked up: the users that meanwhile changed."""
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

    def leave(self, receiver: Receiver) -> None:
        """Forget a connection; it may be one that never joined."""
        user_id = receiver.user_id
        self._index.leave(receiver)
        self._forget(user_id)

    def log_in(self, receiver: Receiver, identity: Identity, subscriptions: list[Subscription]) -> None:
        """Make an open connection that of another user, with these subscriptions."""
        before = receiver.user_id
        roles = self._entitle(receiver, identity, foreign=False)
        self._index.move(receiver, identity.user_id, roles, subscriptions)
        if before != identity.user_id:
            self._forget(before)

    async def prepare(self, change: Change) -> Transition | None:
        """Find out what a change means for open connections; None if nothing for any."""
        user_id = change.user_id
        for changed in self._look_ups:
            changed.add(user_id)
        held = self._standings.get(user_id)
        if held is None:
            return None
        if change.kind == "standing":
            after = change.apply(held[0])
            return Transition(change, after) if after != held[0] else None
        if change.kind == "sessions":
            alive = await self._identities.open_sessions(user_id)
            return Transition(change, None, frozenset(alive))
        if change.kind == "anything":
            identity = await self._identities.by_id(user_id)
            return Transition(change, standing_of(identity) if identity else None)
        if change.kind == "session":
            self._prolong(change)
            return None
        return Transition(change, None)

    def begin(self, transition: Transition) -> None:
        """Before the event that tells of it is matched: give what is gained."""
        held = self._standings.get(transition.change.user_id)
        if transition.change.kind == "anything":
            self.finish(transition)
        elif held is not None and transition.after is not None:
            self._give(transition.change.user_id, tuple(dict.fromkeys(held[1] + transition.after.roles)))

    def finish(self, transition: Transition) -> None:
        """After it was delivered: take what is lost."""
        user_id, after = transition.change.user_id, transition.after
        if after is not None:
            if user_id in self._standings:
                self._set(after)
            return
        ended = transition.alive if transition.change.kind == "sessions" else None
        for receiver in self._connections_of(user_id):
            if ended is None or (receiver.login is not None and receiver.login.session_id not in ended):
                self._sign_out(receiver)

    def expire(self, now: int) -> None:
        """Connections whose sessions have expired become those of guests."""
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
        """Whether nothing is kept of any user."""
        return not (self._standings or self._look_ups)

    def _entitle(self, receiver: Receiver, identity: Identity, *, foreign: bool) -> tuple[str, ...]:
        """The roles of a connection of a user who was just looked up."""
        receiver.login = None
        if identity.session_id or foreign:
            receiver.login = Login(identity.session_id, identity.session_expires, foreign=foreign)
            if identity.session_expires:
                self.next_expiry = min(self.next_expiry, identity.session_expires)
        return identity.roles if foreign else self._set(standing_of(identity))

    def _set(self, standing: Standing) -> tuple[str, ...]:
        held = self._standings.get(standing.user_id)
        roles = held[1] if held is not None and held[0] == standing else standing.roles
        self._standings[standing.user_id] = (standing, roles)
        self._give(standing.user_id, roles)
        return roles

    def _give(self, user_id: str, roles: tuple[str, ...]) -> None:
        for receiver in self._connections_of(user_id):
            if receiver.roles != roles:
                self._index.move(receiver, user_id, roles, list(receiver.subscriptions.values()))

    def _prolong(self, change: Change) -> None:
        for receiver in self._connections_of(change.user_id):
            if receiver.login is not None and receiver.login.session_id == change.session_id:
                receiver.login.expires = parse_datetime(change.expires)

    def _sign_out(self, receiver: Receiver) -> None:
        user_id = receiver.user_id
        subscriptions = [
            Subscription(receiver, held.id, guest_channels(held.channels, user_id), held.filter, held.since)
            for held in receiver.subscriptions.values()
        ]
        self._index.move(receiver, "", GUEST_ROLES, subscriptions)
        receiver.login = None
        self._forget(user_id)
        self.signed_out(receiver)

    def _forget(self, user_id: str) -> None:
        """Keep nothing of a user without connections."""
        if not self._connections_of(user_id):
            self._standings.pop(user_id, None)

    def _connections_of(self, user_id: str) -> list[Receiver]:
        """The connections of a user of this project."""
        return [
            receiver
            for receiver in self._index.connections_of(user_id)
            if receiver.login is None or not receiver.login.foreign
        ]


def _ignore(_receiver: Receiver) -> None:
    """Nobody wants to know of connections that became a guest's."""
