"""Matchers: the subscriptions of one channel and role, found by the payload of an event.

Subscriptions without queries are found at once. Those with an equality among their queries are found by its
value, those with a range by a position in it, and the others are asked one by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

import msgspec

from tidewire.core.realtime_payload import Attributes
from tidewire.core.realtime_ranges import position
from tidewire.realtime.matching.ranges import OneOrMore, Ranges, Subscriptions, each, put, take
from tidewire.realtime.receivers.receiver import Subscription

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Payload:
    """The payload of one event, decoded when the first query asks for it."""

    __slots__ = ("_encoded", "_values")

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._values: Attributes | None = None

    @property
    def values(self) -> Attributes:
        """The decoded object."""
        if self._values is None:
            self._values = Attributes(_decode(self._encoded))
        return self._values


class Matcher:
    """Subscriptions whose connections have a role in common."""

    __slots__ = ("_by_range", "_by_value", "_filtered", "_plain")

    def __init__(self) -> None:
        self._plain: Subscriptions = {}
        """Subscriptions without queries."""
        self._by_value: dict[str, dict[Hashable, OneOrMore]] | None = None
        """Subscriptions by an attribute and the value that it must have."""
        self._by_range: dict[str, Ranges] | None = None
        """Subscriptions by an attribute and the range that its value must be in."""
        self._filtered: Subscriptions | None = None
        """Subscriptions with queries of which none says where to look."""

    @property
    def is_empty(self) -> bool:
        """Whether no subscription is left."""
        return not (self._plain or self._by_value or self._by_range or self._filtered)

    def add(self, subscription: Subscription) -> None:
        """Enter a subscription."""
        wanted = subscription.filter
        if wanted is None:
            self._plain[subscription] = None
        elif wanted.attribute is not None:
            if self._by_value is None:
                self._by_value = {}
            by_key = self._by_value.setdefault(wanted.attribute, {})
            for key in wanted.keys:
                put(by_key, key, subscription)
        elif wanted.range is not None:
            if self._by_range is None:
                self._by_range = {}
            self._by_range.setdefault(wanted.range.attribute, Ranges()).add(wanted.range, subscription)
        else:
            if self._filtered is None:
                self._filtered = {}
            self._filtered[subscription] = None

    def discard(self, subscription: Subscription) -> None:
        """Take a subscription out that was entered."""
        wanted = subscription.filter
        if wanted is None:
            del self._plain[subscription]
        elif wanted.attribute is not None:
            assert self._by_value is not None
            by_key = self._by_value[wanted.attribute]
            for key in wanted.keys:
                take(by_key, key, subscription)
            if not by_key:
                del self._by_value[wanted.attribute]
        elif wanted.range is not None:
            assert self._by_range is not None
            ranges = self._by_range[wanted.range.attribute]
            ranges.discard(wanted.range, subscription)
            if not ranges:
                del self._by_range[wanted.range.attribute]
        else:
            assert self._filtered is not None
            del self._filtered[subscription]

    def subscriptions(self) -> Iterator[Subscription]:
        """All subscriptions, some of them more than once."""
        yield from self._plain
        yield from self._filtered or ()
        for by_key in (self._by_value or {}).values():
            yield from chain.from_iterable(map(each, by_key.values()))
        for ranges in (self._by_range or {}).values():
            yield from ranges.subscriptions()

    def find(self, payload: Payload, found: list[Subscription], asked: list[Subscription]) -> None:
        """Append to ``found`` those that want ``payload``, and to ``asked`` those whose queries must be
        asked."""
        found.extend(self._plain)
        if self._by_value:
            values = payload.values
            for attribute in _attributes(self._by_value, values):
                by_key = self._by_value.get(attribute)
                if by_key and attribute in values:
                    for candidate in each(by_key.get(values.key(attribute), {})):
                        wanted = candidate.filter
                        (found if wanted is not None and wanted.exact else asked).append(candidate)
        if self._by_range:
            values = payload.values
            for attribute in _attributes(self._by_range, values):
                ranges, at = self._by_range.get(attribute), position(values.get(attribute))
                if ranges and at is not None:
                    asked.extend(ranges.around(at))
        if self._filtered:
            asked.extend(self._filtered)


def _attributes(wanted: Mapping[str, object], values: Mapping[str, Any]) -> Mapping[str, object]:
    """The attributes to look at: of the wanted and the present ones whichever are fewer.

    Clients choose the attributes, and must not be able to make this slow.
    """
    return min(wanted, values, key=len)
