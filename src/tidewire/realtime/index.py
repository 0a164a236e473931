"""The matching index of a project: from the roles and channels of an event to the subscriptions that get it.

Its cost follows the number of matches. Below each channel stand the subscriptions, by the roles of their
connections, and within a role by what their queries ask for (:mod:`tidewire.realtime.matcher`):

- Every connection belongs to one *class*: which of the roles in :data:`CLASS_ROLES` it holds. There are a
  handful of them, they do not overlap, and together they are everybody, which is what ``any`` means.
- Roles shared by some users (``team:…``, ``label:…``) have an entry of their own.
- Roles of a single user (``user:…``, ``member:…``) have none: they lead to the user's connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from tidewire.realtime.matcher import Matcher, Payload
from tidewire.realtime.ranges import OneOrMore
from tidewire.realtime.subscriptions import EVERYTHING, Receiver, Subscription

if TYPE_CHECKING:
    from tidewire.realtime.replay import Replay

ANYONE: Final = "any"
"""A role that every connection holds without listing it, if it holds one at all."""
CLASS_ROLES: Final = frozenset({"guests", "users", "users/verified", "users/unverified"})
_PERSONAL: Final = ("user:", "member:")

Matches = dict[Receiver, OneOrMore]
"""Connections with what they hold of something: mostly one subscription, sometimes several."""

_receiver_of: Final = attrgetter("receiver")


class Index:
    """The connections of one project and their subscriptions."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._users: dict[str, set[Receiver]] = {}
        self._members: dict[str, str] = {}
        """Membership id to its user, while a connection holds the role."""
        self._newest_since = 0
        self.touched: Callable[[Subscription], None] = _unwatched
        """Called with each subscription that was entered or taken out."""

    def join(self, receiver: Receiver) -> None:
        """Make a connection with its roles known; it has no subscriptions yet."""
        if receiver.user_id:
            self._users.setdefault(receiver.user_id, set()).add(receiver)
            for membership in _memberships(receiver):
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
        still_held = {membership for other in others for membership in _memberships(other)}
        for membership in _memberships(receiver):
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
        self._newest_since = max(self._newest_since, subscription.since)
        keys = _keys(receiver)
        for name in subscription.channels if keys else ():
            channel = self._channels.get(name)
            if channel is None:
                channel = self._channels[name] = _Channel()
            for key in keys:
                channel.matcher(key).add(subscription)
        self.touched(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Take a subscription out; the roles of its connection are still those it was entered with."""
        receiver = subscription.receiver
        del receiver.subscriptions[subscription.id]
        keys = _keys(receiver)
        for name in subscription.channels if keys else ():
            channel = self._channels[name]
            for key in keys:
                channel.discard(key, subscription)
            if not channel.matchers:
                del self._channels[name]
        self.touched(subscription)

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

    def hold(self, receiver: Receiver, replay: Replay) -> None:
        """Have no event of the log match a connection until :meth:`release`: it reads them there."""
        self._enter_again(receiver, replay)

    def release(self, receiver: Receiver) -> None:
        """Have events match a connection again."""
        self._enter_again(receiver, None)

    def _enter_again(self, receiver: Receiver, replay: Replay | None) -> None:
        held = list(receiver.subscriptions.values())
        for subscription in held:
            self.remove(subscription)
        receiver.replay = replay
        for subscription in held:
            self.add(subscription)

    def match(
        self,
        channels: Sequence[str],
        roles: Sequence[str],
        payload: Payload,
        offset: int,
        *,
        with_held: bool = False,
    ) -> Matches:
        """The connections that get an event, each with its subscription or subscriptions that match.

        ``with_held``: those too that are held, because the event is in no log that they could get it from.
        """
        found: list[Subscription] = []
        classes, shared, personal = _sorted_roles(roles)
        for name in channels:
            channel = self._channels.get(name)
            if channel is not None:
                for matcher in channel.held_by(classes, shared, with_held):
                    matcher.find(payload, found)
        for role in personal:
            found.extend(self._find_personal(role, frozenset(channels), payload, with_held))
        if offset <= self._newest_since:
            found = [subscription for subscription in found if subscription.since < offset]
        return _by_receiver(found)

    def _find_personal(
        self, role: str, channels: Set[str], payload: Payload, with_held: bool
    ) -> Iterator[Subscription]:
        kind, _, name = role.partition(":")
        user_id = self._members.get(name) if kind == "member" else name.partition("/")[0]
        for receiver in self._users.get(user_id or "", ()):
            if role in receiver.roles and (with_held or receiver.replay is None):
                for subscription in receiver.subscriptions.values():
                    if not channels.isdisjoint(subscription.channels) and (
                        subscription.filter is None or subscription.wants(payload.values)
                    ):
                        yield subscription

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of any connection."""
        return not (self._channels or self._users or self._members)


def _unwatched(_subscription: Subscription) -> None:
    """Nobody wants to know of subscriptions."""


def holds_role(receiver: Receiver, roles: Sequence[str]) -> bool:
    """Whether a connection may receive events for ``roles``."""
    if receiver.roles == EVERYTHING:
        return True
    return bool(receiver.roles) and (ANYONE in roles or not set(roles).isdisjoint(receiver.roles))


_Key = frozenset[str] | str | tuple[str, object]
"""A class of connections, or a role that some users share; for held connections apart (:func:`_of_held`)."""


def _of_held(key: _Key) -> _Key:
    return ("held", key)


class _Channel:
    """The subscriptions on one channel."""

    __slots__ = ("matchers",)

    def __init__(self) -> None:
        self.matchers: dict[_Key, Matcher] = {}

    def matcher(self, key: _Key) -> Matcher:
        matcher = self.matchers.get(key)
        if matcher is None:
            matcher = self.matchers[key] = Matcher()
        return matcher

    def discard(self, key: _Key, subscription: Subscription) -> None:
        matcher = self.matchers[key]
        matcher.discard(subscription)
        if matcher.is_empty:
            del self.matchers[key]

    def held_by(
        self, classes: Iterable[frozenset[str]], shared: Iterable[str], with_held: bool
    ) -> Iterator[Matcher]:
        keys: list[_Key] = [*classes, *shared]
        if with_held:
            keys += [_of_held(key) for key in keys]
        for key in keys:
            matcher = self.matchers.get(key)
            if matcher is not None:
                yield matcher


_CLASSES: Final[dict[frozenset[str], frozenset[str]]] = {}
"""All classes seen, each kept once; there can be no more than 16."""


def _class_of(roles: Iterable[str]) -> frozenset[str]:
    own = CLASS_ROLES.intersection(roles)
    return _CLASSES.setdefault(own, own)


def _keys(receiver: Receiver) -> tuple[_Key, ...]:
    """Where the subscriptions of a connection stand; nowhere if it has no roles."""
    return _keys_of(receiver.roles, receiver.replay is not None)


@lru_cache(maxsize=1024)
def _keys_of(roles: tuple[str, ...], held: bool) -> tuple[_Key, ...]:
    if held:
        return tuple(map(_of_held, _keys_of(roles, held=False)))
    if not roles or roles == EVERYTHING:
        return roles
    shared = dict.fromkeys(
        role for role in roles if role not in CLASS_ROLES and not role.startswith(_PERSONAL)
    )
    return (_class_of(roles), *shared)


def _sorted_roles(roles: Iterable[str]) -> tuple[list[frozenset[str]], list[str], list[str]]:
    """The roles of an event as classes, shared and personal ones."""
    wanted = dict.fromkeys(roles)
    if ANYONE in wanted:
        return list(_CLASSES), [*EVERYTHING], []
    classes = [known for known in _CLASSES if not known.isdisjoint(wanted)]
    personal = [role for role in wanted if role.startswith(_PERSONAL)]
    shared = [role for role in wanted if role not in CLASS_ROLES and not role.startswith(_PERSONAL)]
    return classes, [*EVERYTHING, *shared], personal


def _memberships(receiver: Receiver) -> list[str]:
    return [role.removeprefix("member:") for role in receiver.roles if role.startswith("member:")]


def _by_receiver(found: Sequence[Subscription]) -> Matches:
    matches: Matches = dict(zip(map(_receiver_of, found), found, strict=True))
    if len(matches) == len(found):
        return matches
    matches.clear()
    for subscription in found:
        earlier = matches.setdefault(subscription.receiver, subscription)
        if earlier is not subscription:
            if isinstance(earlier, dict):
                earlier[subscription] = None
            else:
                matches[subscription.receiver] = {earlier: None, subscription: None}
    return matches
