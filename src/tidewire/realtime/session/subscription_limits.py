"""Limits of subscriptions: how much those of a connection, and of an address, may take."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from tidewire.core.realtime_queries import FINDING, json_size
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.matching.query_costs import CostPreview, entry_bytes
from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.receiver import NO_FOOTPRINT, Footprint, Receiver

ROW_BYTES: Final = 96
"""Bytes of a row of a message, besides its channels and queries."""
_QUOTES: Final = len('"",')


def footprint_of(channels: Collection[str], wanted: Filter | None) -> Footprint:
    """The footprint of a subscription, made or to be made."""
    if not channels:
        return NO_FOOTPRINT
    size = sum(len(each) + _QUOTES if each.isascii() else json_size(each) for each in channels)
    if wanted is None:
        return Footprint(1, len(channels), ROW_BYTES + size, 0, 0)
    memory = wanted.memory + entry_bytes(wanted, len(channels))
    return Footprint(1, len(channels), ROW_BYTES + size + wanted.size, memory, wanted.work)


def footprint_of_held(receiver: Receiver, name: str) -> Footprint:
    """The footprint of the subscription with this id; nothing if the connection holds none."""
    held = receiver.subscriptions.get(name)
    return footprint_of(held.channels, held.filter) if held is not None else NO_FOOTPRINT


def total_held(receiver: Receiver) -> Footprint:
    """The footprint of all subscriptions of a connection together."""
    return total(footprint_of(held.channels, held.filter) for held in receiver.subscriptions.values())


def total(footprints: Iterable[Footprint]) -> Footprint:
    """The footprint of several subscriptions together."""
    return Footprint(*map(sum, zip(NO_FOOTPRINT, *footprints, strict=True)))


def exceeded_limit(hub: Hub, footprint: Footprint) -> str:
    """The limit that a connection exceeds whose subscriptions take so much; empty if it exceeds none."""
    settings = hub.settings
    if footprint.subscriptions > settings.realtime_max_subscriptions:
        return f"A connection may hold at most {settings.realtime_max_subscriptions} subscriptions."
    if footprint.channels > settings.realtime_max_channels:
        return f"A connection may hold at most {settings.realtime_max_channels} channels."
    most = settings.realtime_max_subscription_bytes
    if footprint.bytes > most:
        return f"The subscriptions of a connection may have at most {most} bytes in all."
    if footprint.work > settings.realtime_max_query_work:
        return (
            f"The queries of a connection may cost {settings.realtime_max_query_work} comparisons an event; "
            f"these cost {footprint.work}. A condition costs 1, a text to look for within another {FINDING}."
        )
    if footprint.memory > settings.realtime_max_query_memory:
        return (
            f"The queries of a connection may take {settings.realtime_max_query_memory} bytes of memory; "
            f"these take {footprint.memory}. What costs most is many values on many channels."
        )
    return ""


def exceeded_address_limit(hub: Hub, preview: CostPreview, wanted: Filter | None, channels: int) -> str:
    """The limit that an address exceeds with one more subscription; empty if it exceeds none, and then the
    subscription is counted."""
    memory, work = preview.cost(wanted, channels)
    settings = hub.settings
    if (memory and preview.memory + memory > settings.realtime_max_query_memory_per_address) or (
        work and preview.work + work > settings.realtime_max_query_work_per_address
    ):
        return "The connections from your address have as many queries as they may have; try again later."
    preview.add(wanted, channels)
    return ""
