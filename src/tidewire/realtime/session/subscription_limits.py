"""How much subscriptions take, and what is wrong with too much: for a connection, and for an address."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from tidewire.core.realtime_queries import FINDING, json_size
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.matching.query_costs import Outlook, entry_bytes
from tidewire.realtime.receivers.subscriptions import Filter, Receiver


class Extent(NamedTuple):
    """How much one subscription takes, or several."""

    subscriptions: int
    channels: int
    bytes: int
    """Of its row in a frame, as a client's JSON has it that writes nothing but ASCII characters."""

    memory: int
    """Bytes that its queries take compiled."""
    work: int
    """What they cost an event, in comparisons."""

    @staticmethod
    def of(channels: Collection[str], wanted: Filter | None) -> Extent:
        """That of a subscription, made or to be made."""
        if not channels:
            return NOTHING
        size = sum(len(each) + _QUOTES if each.isascii() else json_size(each) for each in channels)
        if wanted is None:
            return Extent(1, len(channels), ROW_BYTES + size, 0, 0)
        memory = wanted.memory + entry_bytes(wanted, len(channels))
        return Extent(1, len(channels), ROW_BYTES + size + wanted.size, memory, wanted.work)

    @staticmethod
    def held(receiver: Receiver) -> dict[str, Extent]:
        """Those of all subscriptions of a connection, by id."""
        return {name: Extent.of(held.channels, held.filter) for name, held in receiver.subscriptions.items()}

    @staticmethod
    def total(extents: Iterable[Extent]) -> Extent:
        """That of several subscriptions together."""
        return Extent(*map(sum, zip(NOTHING, *extents, strict=True)))

    def changed(self, before: Extent, after: Extent) -> Extent:
        """That of several subscriptions of which one was ``before`` and is ``after``."""
        return Extent(*(all_ - old + new for all_, old, new in zip(self, before, after, strict=True)))


NOTHING: Final = Extent(0, 0, 0, 0, 0)
ROW_BYTES: Final = 96
"""Of a row, besides its channels and queries."""
_QUOTES: Final = len('"",')


def beyond_limits(hub: Hub, total: Extent) -> str:
    """What is wrong with a connection whose subscriptions take so much; empty if nothing."""
    settings = hub.settings
    if total.subscriptions > settings.realtime_max_subscriptions:
        return f"A connection may hold at most {settings.realtime_max_subscriptions} subscriptions."
    if total.channels > settings.realtime_max_channels:
        return f"A connection may hold at most {settings.realtime_max_channels} channels."
    most = settings.realtime_max_subscription_bytes
    if total.bytes > most:
        return f"The subscriptions of a connection may have at most {most} bytes in all."
    if total.work > settings.realtime_max_query_work:
        return (
            f"The queries of a connection may cost {settings.realtime_max_query_work} comparisons an event; "
            f"these cost {total.work}. A condition costs 1, a text to look for within another {FINDING}."
        )
    if total.memory > settings.realtime_max_query_memory:
        return (
            f"The queries of a connection may take {settings.realtime_max_query_memory} bytes of memory; "
            f"these take {total.memory}. What costs most is many values on many channels."
        )
    return ""


def beyond_address(hub: Hub, outlook: Outlook, wanted: Filter | None, channels: int) -> str:
    """What is wrong with one subscription more for an address; empty if nothing, and then it is added."""
    memory, work = outlook.cost(wanted, channels)
    settings = hub.settings
    if (memory and outlook.memory + memory > settings.realtime_max_query_memory_per_address) or (
        work and outlook.work + work > settings.realtime_max_query_work_per_address
    ):
        return "The connections from your address have as many queries as they may have; try again later."
    outlook.add(wanted, channels)
    return ""
