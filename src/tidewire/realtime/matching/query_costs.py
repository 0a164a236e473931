"""Query costs: the memory and comparisons that the queries of subscriptions take, by client address."""

from __future__ import annotations

from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.receiver import ENTRY_BYTES, Subscription


def entry_bytes(wanted: Filter | None, channels: int) -> int:
    """Bytes that the entries of a subscription in the matching index take, roughly."""
    return ENTRY_BYTES * channels * max(1, len(wanted.keys) if wanted is not None else 0)


class _AddressCosts:
    """The costs of one address. Equal queries are one filter, and counted once however many hold them."""

    __slots__ = ("filters", "memory", "work")

    def __init__(self) -> None:
        self.filters: dict[Filter, int] = {}
        """Filters, with the number of subscriptions that have them."""
        self.memory = 0
        self.work = 0


class QueryCosts:
    """The costs of all addresses in one process."""

    def __init__(self) -> None:
        self._by_origin: dict[str, _AddressCosts] = {}

    def enter(self, subscription: Subscription) -> None:
        """A subscription was made."""
        wanted = subscription.filter
        if wanted is None:
            return
        wanted.held += 1
        origin = subscription.receiver.origin
        spent = self._by_origin.get(origin)
        if spent is None:
            spent = self._by_origin[origin] = _AddressCosts()
        held = spent.filters.get(wanted, 0)
        spent.filters[wanted] = held + 1
        spent.memory += entry_bytes(wanted, len(subscription.channels))
        if not held:
            spent.memory += wanted.memory
            spent.work += wanted.work

    def leave(self, subscription: Subscription) -> None:
        """A subscription was removed."""
        wanted = subscription.filter
        if wanted is None:
            return
        wanted.held -= 1
        origin = subscription.receiver.origin
        spent = self._by_origin[origin]
        spent.memory -= entry_bytes(wanted, len(subscription.channels))
        held = spent.filters[wanted] - 1
        if held:
            spent.filters[wanted] = held
            return
        del spent.filters[wanted]
        spent.memory -= wanted.memory
        spent.work -= wanted.work
        if not spent.filters:
            del self._by_origin[origin]

    def preview(self, origin: str) -> CostPreview:
        """What more subscriptions of an address would cost."""
        return CostPreview(self._by_origin.get(origin) or _AddressCosts())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted for any address."""
        return not self._by_origin


class CostPreview:
    """The costs of an address if it held some more subscriptions than it does."""

    def __init__(self, spent: _AddressCosts) -> None:
        self._known = spent.filters
        self._more: set[Filter] = set()
        self.memory = spent.memory
        self.work = spent.work

    def cost(self, wanted: Filter | None, channels: int) -> tuple[int, int]:
        """Memory and work of one more subscription, on so many channels."""
        if wanted is None or not channels:
            return 0, 0
        memory = entry_bytes(wanted, channels)
        is_new = wanted not in self._known and wanted not in self._more
        return (memory + wanted.memory, wanted.work) if is_new else (memory, 0)

    def add(self, wanted: Filter | None, channels: int) -> None:
        """Count one more subscription, on so many channels."""
        memory, work = self.cost(wanted, channels)
        self.memory += memory
        self.work += work
        if wanted is not None:
            self._more.add(wanted)
