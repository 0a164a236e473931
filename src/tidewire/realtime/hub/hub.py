"""The hub of a project: its open connections, what they subscribed to, and the way of an event to them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from tidewire.core.custom_channels import RULE_CHANGES
from tidewire.core.events import LoggedEvent
from tidewire.core.identities import Identity
from tidewire.core.project_settings import MfaFactors
from tidewire.core.standings import Change
from tidewire.core.time import now
from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.fanout.fanout import EVENT_COST, Fanout
from tidewire.realtime.matching.audience import Audience
from tidewire.realtime.matching.index import Index
from tidewire.realtime.matching.matcher import Payload
from tidewire.realtime.matching.query_costs import Spending
from tidewire.realtime.matching.query_pass import Sifting
from tidewire.realtime.protocol.frames import EventFrame
from tidewire.realtime.receivers.subscriptions import Filter, Receiver, Subscription
from tidewire.realtime.roles.live_roles import EARLY_MS, LiveRoles, Transition, rebound
from tidewire.realtime.roles.lookups import Identities
from tidewire.realtime.runtime.loop_scheduler import Turns
from tidewire.realtime.runtime.meters import Meters
from tidewire.settings import Settings
from tidewire.store.records.api_keys import ApiKey

if TYPE_CHECKING:
    from tidewire.realtime.console.console import Console
    from tidewire.realtime.recovery.recovery import Recovery
    from tidewire.realtime.roles.api_keys import Programs

_LATER_THAN_ANY: Final = sys.maxsize


class Hub:
    """All connections of one project."""

    def __init__(
        self,
        project_id: str,
        identities: Identities,
        settings: Settings,
        meters: Meters | None = None,
        writing: Turns | None = None,
        spending: Spending | None = None,
    ) -> None:
        self.project_id = project_id
        self.identities = identities
        self.settings = settings
        self.connections = 0
        """Open connections, those that are being set up included."""
        self.received: int = 0
        """Offset of the newest event known; subscriptions made now get later ones only."""
        self.matched = 0
        """Offset of the last event that was matched with connections as it happened."""
        self.epoch = ""
        """Of the log; empty without one."""
        self.acknowledgements = Acknowledgements(enabled=settings.realtime_recovery_seconds > 0)
        self.recovery: Recovery | None = None
        """Where events from before come from; None: from nowhere."""
        self.programs: Programs | None = None
        """Connections with API keys; None: there are none here."""
        self.console: Console | None = None
        """What else the console's connections get; None: this is another project."""
        self.watched: Callable[[LoggedEvent], None] | None = None
        """Called with each event of the project's log, which is followed for it without connections too."""
        self.spending = spending or Spending()
        """What the queries of all connections cost, by address."""
        self._index = Index(self.spending)
        self._sifted: dict[Sifting, tuple[EventFrame, int, int]] = {}
        """Events that some may get whose queries are still to be asked, with their timestamps and offsets."""
        self._meters = meters or Meters()
        turns = writing or Turns(per_round=1)
        self._fanout = Fanout(turns, self._meters, self.acknowledgements, self._settle)
        self.roles = LiveRoles(self._index, identities, lambda: self.factors())
        self.catch_up: Callable[[], Awaitable[None]] = _nothing_to_catch_up
        """Waits until all that is committed now has been handled; set by who feeds the hub."""
        self.factors: Callable[[], Awaitable[MfaFactors]] = _all_factors
        """The second factors that the project permits now."""
        self.rule_changed: Callable[[str], None] = _no_rules
        """Called with what a rule of custom channels is for, when that was made, changed or deleted."""

    @property
    def index(self) -> Index:
        """Where its subscriptions stand."""
        return self._index

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of any connection."""
        return self.connections == 0 and self.is_idle and self._index.is_empty and self.roles.is_empty

    @property
    def is_idle(self) -> bool:
        """Whether all that was published has been written to everybody."""
        return self._fanout.is_idle and not self._sifted

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

    def begin(self, offset: int, epoch: str) -> None:
        """Events after ``offset`` will be published."""
        self.received = self.matched = self.acknowledgements.settled = offset
        self.epoch = epoch

    @property
    def place(self) -> dict[str, Any]:
        """Where in the log the hub is, as clients are told; nothing without a log."""
        return {"offset": self.received, "epoch": self.epoch} if self.epoch else {}

    def leave(self, receiver: Receiver) -> None:
        """Forget a connection and its subscriptions; it may be one that never entered."""
        self.acknowledgements.forget(receiver)
        if self.programs is not None:
            self.programs.forget(receiver)
        for sifting in self._sifted:
            sifting.forget(receiver)
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
        queries; None if it gets every payload. ``since``: it
        gets the events after this offset, for which :meth:`replay` has to be called; None: those from now
        on, or if it replaces one, what that had not got yet. A connection that ends with the events it is
        still to get gets none.
        """
        self._settle_with(receiver)
        if not receiver.roles:
            return
        replaced = receiver.subscriptions.get(subscription_id)
        if replaced is not None:
            self._index.remove(replaced)
        if since is None:
            since = replaced.since if replaced is not None else self.received
        if channels:
            self._index.add(Subscription(receiver, subscription_id, channels, wanted, since))

    def replay(self, receiver: Receiver, subscription_ids: Collection[str]) -> None:
        """Send a connection the events that subscriptions which were just made have missed."""
        self._settle_with(receiver)
        made = [held for held in receiver.subscriptions.values() if held.id in subscription_ids]
        start = min((held.since for held in made), default=self.matched)
        if self.recovery is None or start >= self.matched:
            return
        replay = receiver.replay
        reached = replay.position if replay is not None else self.matched
        self.acknowledgements.rewind(receiver, start)
        if replay is None:
            replay = self.recovery.replay(receiver, start)
            self._index.hold(receiver, replay)
        replay.rewind(start, {held.id: held in made for held in receiver.subscriptions.values()}, reached)
        replay.go_on()

    def release(self, receiver: Receiver) -> None:
        """Give a connection that was replayed to the events as they happen."""
        self._index.release(receiver)

    def unsubscribe(self, receiver: Receiver, subscription_id: str) -> bool:
        """Remove a subscription; False if there is none of this id."""
        self._settle_with(receiver)
        subscription = receiver.subscriptions.get(subscription_id)
        if subscription is None:
            return False
        self._index.remove(subscription)
        if self.recovery is not None:
            self.recovery.drop(receiver, subscription_id)
        return True

    def authenticate(self, receiver: Receiver, identity: Identity) -> None:
        """Make an open connection that of another user; its subscriptions stay."""
        self._settle_with(receiver)
        if not receiver.roles:
            return  # it ended while the user was looked up
        if self.programs is not None:
            self.programs.forget(receiver)
        self.roles.log_in(receiver, identity, rebound(receiver, identity.user_id))
        if self.recovery is not None:
            self.recovery.keep_again(receiver)

    def admit_program(self, receiver: Receiver, secret: str, key: ApiKey) -> None:
        """Give an open connection every event of the project, for as long as the key lasts."""
        assert self.programs is not None
        self._settle_with(receiver)
        if not receiver.roles:
            return  # it ended while the key was looked up
        self.programs.admit(receiver, secret, key)
        self.roles.entitle_to_everything(receiver)

    async def prepare(self, change: Change) -> Transition | None:
        """Before an event that changes what a user is entitled to; None if no connection is affected."""
        return await self.roles.prepare(change)

    async def publish(self, logged: LoggedEvent, *, more: bool = False) -> None:
        """Deliver an event to all who may receive it and want it.

        ``more``: another event waits already, and this one may be written together with it, at the
        latest by :meth:`flush`.
        """
        event = logged.event
        if event.pattern in RULE_CHANGES:
            self.rule_changed(event.parameters["channelId"])
        moment = now()
        if moment >= self.roles.next_expiry - EARLY_MS:
            self.roles.expire(moment)
        if self.programs is not None:
            self.programs.review(moment)
        own = logged.offset > 0 and logged.project_id == self.project_id
        offset = logged.offset if own else _LATER_THAN_ANY
        if own:
            self.matched = logged.offset
        began = time.perf_counter()
        payload = Payload(event.payload)
        matched = self._index.sift(
            event.channels,
            event.roles,
            payload,
            offset,
            with_held=logged.offset == 0,
            seconds=self.settings.realtime_max_match_seconds,
        )
        at = logged.offset if own else 0
        # The place in another log would mean nothing to those who receive it here.
        subject = logged if own else LoggedEvent(logged.project_id, 0, event)
        if isinstance(matched, Audience):
            frame, audience = None, matched
        elif matched.go_on():
            frame, audience = None, matched.audience()
        else:
            frame = EventFrame(subject)
            audience = await self._sift(matched, frame, event.timestamp, at)
        self._meters.matching.add(time.perf_counter() - began)
        self._meters.events += 1
        if audience:
            frame = frame or EventFrame(subject)
            await self._fanout.deliver(frame, audience, event.timestamp, at, more=more)
            return
        self._settle()
        if not more:
            await self.flush()
        await self._fanout.pause(EVENT_COST)

    async def _sift(self, sifting: Sifting, frame: EventFrame, timestamp: int, at: int) -> Audience:
        """Who gets an event whose queries take long to ask; those who need not wait for that have got it."""
        self._sifted[sifting] = frame, timestamp, at
        try:
            prompt = sifting.prompt()
            if prompt:
                await self._fanout.deliver(frame, prompt, timestamp, at, more=False)
            is_done = False
            while not is_done:
                await asyncio.sleep(0)
                is_done = sifting.go_on()
        finally:
            del self._sifted[sifting]
        return sifting.audience()

    def _settle_with(self, receiver: Receiver) -> None:
        """Write all that a connection is still to get: what it is entitled to is about to change."""
        for sifting, (frame, timestamp, at) in list(self._sifted.items()):
            self._fanout.add(frame, sifting.take(receiver), timestamp, at)
        self._fanout.settle(receiver)

    async def flush(self) -> None:
        """Deliver what was kept to be written together; what many get is only begun."""
        await self._fanout.flush()

    def _settle(self) -> None:
        sifted = (at - 1 for _, _, at in self._sifted.values() if at)
        self.acknowledgements.settled = min(self._fanout.written(self.matched), *sifted, _LATER_THAN_ANY)


def _no_rules(_pattern: str) -> None:
    """Nobody follows the rules of custom channels."""


async def _nothing_to_catch_up() -> None:
    """A hub without a feed is never behind."""


async def _all_factors() -> MfaFactors:
    return MfaFactors()
