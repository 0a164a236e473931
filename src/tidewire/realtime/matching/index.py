"""The matching index of a project: from the roles and channels of an event to the subscriptions that get it.

Its cost follows the number of matches. Below each channel stand the subscriptions, by the roles of their
connections (:mod:`tidewire.realtime.matching.role_keys`), and within a role by what their queries ask for
(:mod:`tidewire.realtime.matching.matcher`). The audience of events with the same channels and
roles is found once, unless it depends on their payload, and kept until a subscription to one of the channels
is made or removed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import chain
from typing import Final

from tidewire.realtime.matching.audience import Audience, Matches, by_receiver
from tidewire.realtime.matching.matcher import Matcher, Payload
from tidewire.realtime.matching.query_costs import QueryCosts
from tidewire.realtime.matching.query_pass import QueryPass
from tidewire.realtime.matching.role_keys import ANYONE, Key, keys, memberships, of_held, sorted_roles
from tidewire.realtime.receivers.receiver import Receiver, Replaying, Subscription

MAX_KNOWN: Final = 64
"""The most audiences that are kept for events that match the same."""
MAX_KNOWN_RECEIVERS: Final = 100_000
"""The most receivers in all kept audiences, unless a single one has more."""


class Index:
    """The connections of one project and their subscriptions."""

    def __init__(
        self, query_costs: QueryCosts | None = None, touched: Callable[[Subscription], None] | None = None
    ) -> None:
        """``touched`` is called with each subscription that was entered or taken out."""
        self._touched = touched
        self.query_costs = query_costs or QueryCosts()
        self._channels: dict[str, _Channel] = {}
        self._users: dict[str, set[Receiver]] = {}
        self._members: dict[str, str] = {}
        """Membership id to its user, while a connection holds the role."""
        self._newest_since = 0
        self._known: dict[_Request, Audience] = {}
        """Audiences that depend on no payload, kept until a subscription is made or removed."""
        self._known_receivers = 0
        """Receivers in all kept audiences."""

    def join(self, receiver: Receiver) -> None:
        """Make a connection with its roles known; it has no subscriptions yet."""
        if receiver.user_id:
            self._users.setdefault(receiver.user_id, set()).add(receiver)
            for membership in memberships(receiver):
                self._members[membership] = receiver.user_id

    def leave(self, receiver: Receiver) -> None:
        """Forget a connection and all its subscriptions."""
        for subscription in list(receiver.subscriptions.values()):
            self.remove(subscription)
        others = self._users.get(receiver.user_id)
        if others is None:
            return
        others.discard(receiver)
        if not others:
            del self._users[receiver.user_id]
        still_held = {membership for other in others for membership in memberships(other)}
        for membership in memberships(receiver):
            if membership not in still_held:
                self._members.pop(membership, None)

    def move(
        self, receiver: Receiver, user_id: str, roles: tuple[str, ...], subscriptions: Iterable[Subscription]
    ) -> None:
        """Give a connection another user or other roles; from now on it holds ``subscriptions``."""
        self.leave(receiver)
        receiver.user_id = user_id
        receiver.roles = roles
        self.join(receiver)
        for subscription in subscriptions:
            self.add(subscription)

    def connections_of(self, user_id: str) -> Set[Receiver]:
        """All connections of a user, with subscriptions or without."""
        return self._users.get(user_id, frozenset())

    def signed_in(self) -> Iterator[Receiver]:
        """All connections of users."""
        return chain.from_iterable(self._users.values())

    def add(self, subscription: Subscription) -> None:
        """Enter a subscription of a connection that has joined."""
        receiver = subscription.receiver
        receiver.subscriptions[subscription.id] = subscription
        receiver.footprint = None
        self.query_costs.enter(subscription)
        self._newest_since = max(self._newest_since, subscription.since)
        places = keys(receiver)
        for name in subscription.channels if places else ():
            channel = self._channels.get(name)
            if channel is None:
                channel = self._channels[name] = _Channel()
            self._change(channel, subscription, 1)
            for key in places:
                channel.matcher(key).add(subscription)
        if self._touched is not None:
            self._touched(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Remove a subscription; the roles of its connection are still those it was entered with."""
        receiver = subscription.receiver
        del receiver.subscriptions[subscription.id]
        receiver.footprint = None
        self.query_costs.leave(subscription)
        places = keys(receiver)
        for name in subscription.channels if places else ():
            channel = self._channels[name]
            self._change(channel, subscription, -1)
            for key in places:
                channel.discard(key, subscription)
            if not channel.matchers:
                del self._channels[name]
        if self._touched is not None:
            self._touched(subscription)

    def is_subscribed(self, name: str) -> bool:
        """Whether anybody is subscribed to a channel."""
        return name in self._channels

    def channels_below(self, prefix: str) -> list[str]:
        """The channels that somebody subscribed to and whose names begin so."""
        return [name for name in self._channels if name.startswith(prefix)]

    def subscribers(self, name: str) -> set[Receiver]:
        """The connections that are subscribed to a channel."""
        channel = self._channels.get(name)
        matchers = channel.matchers.values() if channel is not None else ()
        return {held.receiver for matcher in matchers for held in matcher.subscriptions()}

    def hold(self, receiver: Receiver, replay: Replaying) -> None:
        """Have no live event of the log match a connection until :meth:`release`: it is replayed the log."""
        self._enter_again(receiver, replay)

    def release(self, receiver: Receiver) -> None:
        """Have live events match a connection again."""
        self._enter_again(receiver, None)

    def _enter_again(self, receiver: Receiver, replay: Replaying | None) -> None:
        held = list(receiver.subscriptions.values())
        for subscription in held:
            self.remove(subscription)
        receiver.replay = replay
        for subscription in held:
            self.add(subscription)

    def select(
        self,
        channels: Sequence[str],
        roles: Sequence[str],
        payload: Payload,
        offset: int,
        *,
        with_held: bool = False,
        seconds: float = math.inf,
    ) -> Audience | QueryPass:
        """The audience of an event, or a query pass if queries are still to be asked.

        ``seconds``: of processor time for the queries from one address.
        """
        concerned = tuple(channel for name in channels if (channel := self._channels.get(name)) is not None)
        request = (concerned, (ANYONE,) if ANYONE in roles else tuple(roles), with_held)
        known = self._known.get(request) if offset > self._newest_since else None
        if known is not None:
            return known
        found, asked = self._find(channels, roles, payload, offset, with_held)
        if asked:
            return QueryPass(payload, found, asked, seconds)
        audience = Audience(by_receiver(found))
        if offset > self._newest_since and not any(channel.filtered for channel in concerned):
            self._keep(request, audience)
        return audience

    def _keep(self, request: _Request, audience: Audience) -> None:
        self._known[request] = audience
        self._known_receivers += len(audience)
        for channel in request[0]:
            if channel.known is None:
                channel.known = set()
            channel.known.add(request)
        while len(self._known) > 1 and (
            len(self._known) > MAX_KNOWN or self._known_receivers > MAX_KNOWN_RECEIVERS
        ):
            self._forget(next(iter(self._known)))

    def _forget(self, request: _Request) -> None:
        self._known_receivers -= len(self._known.pop(request))
        for channel in request[0]:
            if channel.known is not None:
                channel.known.discard(request)

    def _change(self, channel: _Channel, subscription: Subscription, count: int) -> None:
        """A subscription comes to a channel (1), or goes (-1)."""
        if subscription.filter is not None:
            channel.filtered += count
        for request in list(channel.known or ()):
            self._forget(request)

    def match(
        self,
        channels: Sequence[str],
        roles: Sequence[str],
        payload: Payload,
        offset: int,
        *,
        with_held: bool = False,
    ) -> Matches:
        """The connections that get an event, each with its subscriptions that match.

        ``with_held``: also those that are held back, because the event is in no log that they get it from.
        """
        found, asked = self._find(channels, roles, payload, offset, with_held)
        found.extend(each for each in asked if each.wants(payload.values))
        return by_receiver(found)

    def _find(
        self, channels: Sequence[str], roles: Sequence[str], payload: Payload, offset: int, with_held: bool
    ) -> tuple[list[Subscription], list[Subscription]]:
        """The subscriptions that want an event, and those that do if their queries accept it."""
        found: list[Subscription] = []
        asked: list[Subscription] = []
        classes, shared, personal = sorted_roles(roles)
        for name in channels:
            channel = self._channels.get(name)
            if channel is not None:
                for matcher in channel.held_by(classes, shared, with_held):
                    matcher.find(payload, found, asked)
        for role in personal:
            for subscription in self._find_personal(role, frozenset(channels), with_held):
                (found if subscription.filter is None else asked).append(subscription)
        if offset <= self._newest_since:
            found = [subscription for subscription in found if subscription.since < offset]
            asked = [subscription for subscription in asked if subscription.since < offset]
        return found, list(dict.fromkeys(asked)) if len(asked) > 1 else asked

    def _find_personal(self, role: str, channels: Set[str], with_held: bool) -> Iterator[Subscription]:
        kind, _, name = role.partition(":")
        user_id = self._members.get(name) if kind == "member" else name.partition("/")[0]
        for receiver in self._users.get(user_id or "", ()):
            if role in receiver.roles and (with_held or receiver.replay is None):
                for subscription in receiver.subscriptions.values():
                    if not channels.isdisjoint(subscription.channels):
                        yield subscription

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of any connection."""
        return not (self._channels or self._users or self._members)


class _Channel:
    """The subscriptions on one channel."""

    __slots__ = ("filtered", "known", "matchers")

    def __init__(self) -> None:
        self.matchers: dict[Key, Matcher] = {}
        self.filtered = 0
        """How many of them have queries."""
        self.known: set[_Request] | None = None
        """The kept audiences that depend on the channel; None: none ever did."""

    def matcher(self, key: Key) -> Matcher:
        matcher = self.matchers.get(key)
        if matcher is None:
            matcher = self.matchers[key] = Matcher()
        return matcher

    def discard(self, key: Key, subscription: Subscription) -> None:
        matcher = self.matchers[key]
        matcher.discard(subscription)
        if matcher.is_empty:
            del self.matchers[key]

    def held_by(
        self, classes: Iterable[frozenset[str]], shared: Iterable[str], with_held: bool
    ) -> Iterator[Matcher]:
        keys: list[Key] = [*classes, *shared]
        if with_held:
            keys += [of_held(key) for key in keys]
        for key in keys:
            matcher = self.matchers.get(key)
            if matcher is not None:
                yield matcher


_Request = tuple[tuple[_Channel, ...], tuple[str, ...], bool]
"""What an audience depends on, unless there are queries: channels, roles, and whether with those held."""
