"""The hub of a project: its open connections, what they subscribed to, and the way of an event to them."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tidewire.core.events import LoggedEvent
from tidewire.core.identities import Identity
from tidewire.core.project_settings import MfaFactors
from tidewire.core.queries import Query
from tidewire.core.standings import Change
from tidewire.core.time import now
from tidewire.realtime.fanout import Fanout
from tidewire.realtime.frames import EventFrame
from tidewire.realtime.index import Index, Payload
from tidewire.realtime.live_roles import EARLY_MS, LiveRoles, Transition, rebound
from tidewire.realtime.lookups import Identities
from tidewire.realtime.meters import Meters
from tidewire.realtime.subscriptions import Filter, Receiver, Subscription
from tidewire.settings import Settings

_LATER_THAN_ANY: Final = sys.maxsize


class Hub:
    """All connections of one project."""

    def __init__(
        self, project_id: str, identities: Identities, settings: Settings, meters: Meters | None = None
    ) -> None:
        self.project_id = project_id
        self.identities = identities
        self.settings = settings
        self.connections = 0
        """Open connections, those that are being set up included."""
        self.received: int = 0
        """Offset of the newest event known; subscriptions made now get later ones only."""
        self._index = Index()
        self._meters = meters or Meters()
        self._fanout = Fanout(lambda: self._index.changes, self._meters)
        self.roles = LiveRoles(self._index, identities, lambda: self.factors())
        self.catch_up: Callable[[], Awaitable[None]] = _nothing_to_catch_up
        """Waits until all that is committed now has been handled; set by who feeds the hub."""
        self.factors: Callable[[], Awaitable[MfaFactors]] = _all_factors
        """The second factors that the project permits now."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of any connection."""
        return self.connections == 0 and self._index.is_empty and self.roles.is_empty

    async def identify(self, look_up: Callable[[], Awaitable[Identity | None]]) -> Identity | None:
        """An identity as it is after the events that were handled so far, no earlier and no later.

        What was looked up may be newer than the last event handled: so the hub catches up first. And a
        change that was handled meanwhile may be one that the look-up did not see: so it is repeated.
        Blocked users are nobody, as they are to the rest of the API.
        """
        while True:
            with self.roles.look_up() as changed:
                identity = await look_up()
                if identity is None:
                    return None
                await self.catch_up()
                if identity.user_id not in changed:
                    return identity if identity.account.status is not False else None

    def enter(self, receiver: Receiver, identity: Identity | None, *, foreign: bool = False) -> None:
        """Make a connection of a user, or a guest, known; ``foreign``: the user is not of this project."""
        self.roles.join(receiver, identity, foreign=foreign)

    def connections_of(self, user_id: str) -> int:
        """How many open connections a user has, those that await a second factor included."""
        return len(self._index.connections_of(user_id)) + self.roles.awaiting(user_id)

    def leave(self, receiver: Receiver) -> None:
        """Forget a connection and its subscriptions; it may be one that never entered."""
        self.roles.leave(receiver)
        receiver.user_id = ""
        receiver.roles = ()

    def subscribe(
        self, receiver: Receiver, subscription_id: str, channels: Sequence[str], queries: Sequence[Query]
    ) -> None:
        """Add a subscription, or replace the one of this id (realtime-protocol, section 6).

        ``channels`` are converted already; without any there is no subscription afterwards.
        """
        since = self.received
        replaced = receiver.subscriptions.get(subscription_id)
        if replaced is not None:
            since = replaced.since
            self._index.remove(replaced)
        if channels:
            wanted = Filter.of(queries)
            self._index.add(Subscription(receiver, subscription_id, channels, wanted, since))

    def unsubscribe(self, receiver: Receiver, subscription_id: str) -> bool:
        """Remove a subscription; False if there is none of this id."""
        subscription = receiver.subscriptions.get(subscription_id)
        if subscription is None:
            return False
        self._index.remove(subscription)
        return True

    def authenticate(self, receiver: Receiver, identity: Identity) -> None:
        """Make an open connection that of another user; its subscriptions stay (section 7.2)."""
        if not receiver.roles:
            return  # it ended while the user was looked up
        self.roles.log_in(receiver, identity, rebound(receiver, identity.user_id))

    async def prepare(self, change: Change) -> Transition | None:
        """Before an event that changes what a user is entitled to; None if no connection is affected.

        All earlier events are written first.
        """
        await self.flush()
        return await self.roles.prepare(change)

    async def publish(self, logged: LoggedEvent, *, more: bool = False) -> None:
        """Deliver an event to all who may receive it and want it (section 8).

        ``more``: another event waits already, and this one may be written together with it, at the
        latest by :meth:`flush`.
        """
        event = logged.event
        moment = now()
        if moment >= self.roles.next_expiry - EARLY_MS:
            await self.flush()
            self.roles.expire(moment)
        in_own_log = logged.offset and logged.project_id == self.project_id
        offset = logged.offset if in_own_log else _LATER_THAN_ANY
        began = time.perf_counter()
        matches = self._index.match(event.channels, event.roles, Payload(event.payload), offset)
        self._meters.matching.add(time.perf_counter() - began)
        self._meters.events += 1
        if matches:
            await self._fanout.deliver(EventFrame(logged), matches, event.roles, event.timestamp, more=more)
        elif not more:
            await self.flush()

    async def flush(self) -> None:
        """Deliver what was kept to be written together."""
        await self._fanout.flush()


async def _nothing_to_catch_up() -> None:
    """A hub without a feed is never behind."""


async def _all_factors() -> MfaFactors:
    return MfaFactors()
