"""The hub of a project: its open connections, what they subscribed to, and the way of an event to them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from tidewire.core.custom_channels import RULE_CHANGES
from tidewire.core.entitlements import Change
from tidewire.core.events import LoggedEvent
from tidewire.core.identities import Identity
from tidewire.core.time import now
from tidewire.realtime.console.console import Console
from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.fanout.fanout import EVENT_COST, Fanout
from tidewire.realtime.fanout.log_progress import LogProgress
from tidewire.realtime.matching.audience import Audience
from tidewire.realtime.matching.index import Index
from tidewire.realtime.matching.matcher import Payload
from tidewire.realtime.matching.query_pass import QueryPass
from tidewire.realtime.protocol.event_frames import EventFrame
from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.receiver import Receiver, Subscription
from tidewire.realtime.recovery.recovery import Recovery
from tidewire.realtime.roles.api_keys import ApiKeyConnections
from tidewire.realtime.roles.live_roles import EARLY_MS, LiveRoles, Transition, rebound
from tidewire.realtime.runtime.meters import Meters
from tidewire.settings import Settings
from tidewire.store.records.api_keys import ApiKey

_LATER_THAN_ANY: Final = sys.maxsize


async def _nothing_to_catch_up() -> None:
    """A hub without a feed is never behind."""


class Hub:
    """The open connections of one project in this process.

    The hub guarantees that an event reaches exactly the connections whose roles and subscriptions allow it as
    of its commit, and each connection in the order of the log. It belongs to one event loop.
    """

    def __init__(
        self,
        project_id: str,
        settings: Settings,
        *,
        index: Index,
        roles: LiveRoles,
        fanout: Fanout,
        progress: LogProgress,
        acknowledgements: Acknowledgements,
        meters: Meters,
        recovery: Recovery | None = None,
        api_keys: ApiKeyConnections | None = None,
        console: Console | None = None,
        catch_up: Callable[[], Awaitable[None]] = _nothing_to_catch_up,
        rule_changed: Callable[[str], None] | None = None,
    ) -> None:
        """``fanout`` calls :meth:`settle` when events were written to everybody.

        ``recovery``: where events from before come from; None: from nowhere. ``api_keys``: the connections
        with API keys; None: there are none. ``console``: what connections to the console's project get
        besides; None: this is another project.

        ``catch_up`` waits until all that is committed now has been handled. ``rule_changed`` is called with
        the pattern of a rule for custom channels that was made, changed or deleted.
        """
        self.project_id = project_id
        self.settings = settings
        self.index = index
        self.roles = roles
        self.progress = progress
        self.acknowledgements = acknowledgements
        self.recovery = recovery
        self.api_keys = api_keys
        self.console = console
        self.catch_up = catch_up
        self.connections = 0
        """Open connections, those that are being set up included."""
        self._rule_changed = rule_changed
        self._query_passes: dict[QueryPass, tuple[EventFrame, int, int]] = {}
        """Events whose queries are being asked in turns, with their frames, timestamps and offsets."""
        self._meters = meters
        self._fanout = fanout

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of any connection."""
        return self.connections == 0 and self.is_idle and self.index.is_empty and self.roles.is_empty

    @property
    def is_idle(self) -> bool:
        """Whether all that was published has been written to everybody."""
        return self._fanout.is_idle and not self._query_passes

    def opened(self) -> None:
        """A connection begins to be set up: from now on it counts."""
        self.connections += 1

    def closed(self) -> None:
        """A connection that counted has ended."""
        self.connections -= 1

    async def identify(self, look_up: Callable[[], Awaitable[Identity | None]]) -> Identity | None:
        """Look an identity up as it is after the events that were handled so far, no earlier and no later.

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
        """Make a connection known; ``identity``: its user, None for a guest; ``foreign``: one of the
        console."""
        self.roles.join(receiver, identity, foreign=foreign)

    def connections_of(self, user_id: str) -> int:
        """How many open connections a user has, those that await a second factor included."""
        return len(self.index.connections_of(user_id)) + self.roles.awaiting(user_id)

    def begin(self, offset: int, epoch: str) -> None:
        """Begin at this position of the log: the events after ``offset`` will be published."""
        self.progress.received = self.progress.matched = self.acknowledgements.settled = offset
        self.progress.epoch = epoch

    def leave(self, receiver: Receiver) -> None:
        """Forget a connection and its subscriptions; it may be one that never entered."""
        self.acknowledgements.forget(receiver)
        if self.api_keys is not None:
            self.api_keys.forget(receiver)
        for query_pass in self._query_passes:
            query_pass.forget(receiver)
        self._fanout.forget(receiver)
        self.roles.leave(receiver)
        receiver.replay = None
        receiver.user_id = ""
        receiver.roles = ()

    def subscribe(
        self,
        receiver: Receiver,
        subscription_id: str,
        channels: Sequence[str],
        wanted: Filter | None,
        since: int | None = None,
    ) -> None:
        """Add a subscription, or replace the one of this id.

        ``channels`` are converted already; without any there is no subscription afterwards. ``wanted``: its
        queries; None if it gets every payload. ``since``: the offset after which its events begin, for which
        :meth:`replay` has to be called; None: with those from now on, or where the replaced one was. Nothing
        is added if the connection ends while it is written what it is due.
        """
        self._settle_with(receiver)
        if not receiver.roles:
            return
        replaced = receiver.subscriptions.get(subscription_id)
        if replaced is not None:
            self.index.remove(replaced)
        if since is None:
            since = replaced.since if replaced is not None else self.progress.received
        if channels:
            self.index.add(Subscription(receiver, subscription_id, channels, wanted, since))

    def replay(self, receiver: Receiver, subscription_ids: Collection[str]) -> None:
        """Send a connection the events that the subscriptions which were just made have missed."""
        self._settle_with(receiver)
        made = [held for held in receiver.subscriptions.values() if held.id in subscription_ids]
        start = min((held.since for held in made), default=self.progress.matched)
        if self.recovery is None or start >= self.progress.matched:
            return
        replay = receiver.replay
        reached = replay.position if replay is not None else self.progress.matched
        self.acknowledgements.rewind(receiver, start)
        if replay is None:
            replay = self.recovery.replay(receiver, start)
            self.index.hold(receiver, replay)
        replay.rewind(start, {held.id: held in made for held in receiver.subscriptions.values()}, reached)
        replay.go_on()

    def unsubscribe(self, receiver: Receiver, subscription_id: str) -> bool:
        """Remove a subscription; False if there is none of this id."""
        self._settle_with(receiver)
        subscription = receiver.subscriptions.get(subscription_id)
        if subscription is None:
            return False
        self.index.remove(subscription)
        if self.recovery is not None:
            self.recovery.drop(receiver, subscription_id)
        return True

    def authenticate(self, receiver: Receiver, identity: Identity) -> None:
        """Make an open connection that of another user; its subscriptions stay."""
        self._settle_with(receiver)
        if not receiver.roles:
            return  # it ended while the user was looked up
        if self.api_keys is not None:
            self.api_keys.forget(receiver)
        self.roles.log_in(receiver, identity, rebound(receiver, identity.user_id))
        if self.recovery is not None:
            self.recovery.keep_again(receiver)

    def admit_api_key(self, receiver: Receiver, secret: str, key: ApiKey) -> None:
        """Give an open connection every event of the project, for as long as the key lasts."""
        assert self.api_keys is not None
        self._settle_with(receiver)
        if not receiver.roles:
            return  # it ended while the key was looked up
        self.api_keys.admit(receiver, secret, key)
        self.roles.entitle_to_everything(receiver)

    async def prepare(self, change: Change) -> Transition | None:
        """Prepare a change of what a user is entitled to; None if it affects no connection."""
        return await self.roles.prepare(change)

    async def publish(self, logged: LoggedEvent, *, more: bool = False) -> None:
        """Deliver an event to all who may receive it and want it.

        ``more``: another event waits already, and this one may be written together with it, at the
        latest by :meth:`flush`.
        """
        event = logged.event
        if self._rule_changed is not None and event.pattern in RULE_CHANGES:
            self._rule_changed(event.parameters["channelId"])
        moment = now()
        if moment >= self.roles.next_expiry - EARLY_MS:
            self.roles.expire(moment)
        if self.api_keys is not None:
            self.api_keys.review(moment)
        own = logged.offset > 0 and logged.project_id == self.project_id
        offset = logged.offset if own else _LATER_THAN_ANY
        if own:
            self.progress.matched = logged.offset
        began = time.perf_counter()
        payload = Payload(event.payload)
        matched = self.index.select(
            event.channels,
            event.roles,
            payload,
            offset,
            with_held=logged.offset == 0,
            seconds=self.settings.realtime_max_match_seconds,
        )
        at = logged.offset if own else 0
        # The offset in another log would mean nothing to those who receive the event here.
        subject = logged if own else LoggedEvent(logged.project_id, 0, event)
        if isinstance(matched, Audience):
            frame, audience = None, matched
        elif matched.go_on():
            frame, audience = None, matched.audience()
        else:
            frame = EventFrame(subject, self.progress.epoch)
            audience = await self._run_queries(matched, frame, event.timestamp, at)
        self._meters.matching.add(time.perf_counter() - began)
        self._meters.events += 1
        if audience:
            frame = frame or EventFrame(subject, self.progress.epoch)
            await self._fanout.deliver(frame, audience, event.timestamp, at, more=more)
            return
        self.settle()
        if not more:
            await self.flush()
        await self._fanout.pause(EVENT_COST)

    async def _run_queries(
        self, query_pass: QueryPass, frame: EventFrame, timestamp: int, at: int
    ) -> Audience:
        """The audience of an event whose queries take long to ask, but for those who need not wait for
        them."""
        self._query_passes[query_pass] = frame, timestamp, at
        try:
            decided = query_pass.decided()
            if decided:
                await self._fanout.deliver(frame, decided, timestamp, at, more=False)
            is_done = False
            while not is_done:
                await asyncio.sleep(0)
                is_done = query_pass.go_on()
        finally:
            del self._query_passes[query_pass]
        return query_pass.audience()

    def _settle_with(self, receiver: Receiver) -> None:
        """Write all that a connection is still due: what it is entitled to is about to change."""
        for query_pass, (frame, timestamp, at) in list(self._query_passes.items()):
            self._fanout.add(frame, query_pass.take(receiver), timestamp, at)
        self._fanout.settle(receiver)

    async def flush(self) -> None:
        """Write what was kept to be written together; writing to many receivers is only begun."""
        await self._fanout.flush()

    def settle(self) -> None:
        """Note up to which offset of the log everybody has been written what they get."""
        asking = (at - 1 for _, _, at in self._query_passes.values() if at)
        self.acknowledgements.settled = min(
            self._fanout.written(self.progress.matched), *asking, _LATER_THAN_ANY
        )
