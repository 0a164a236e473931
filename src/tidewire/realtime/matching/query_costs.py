"""What the queries of subscriptions cost, in memory and in comparisons, by the address they come from."""

from __future__ import annotations

from tidewire.realtime.receivers.subscriptions import ENTRY_BYTES, Filter, Subscription


def entry_bytes(wanted: Filter | None, channels: int) -> int:
    """Memory that the places of a subscription in the index take, roughly."""
    return ENTRY_BYTES * channels * max(1, len(wanted.keys) if wanted is not None else 0)


class _Spent:
    """What one address spends. Equal queries, however many hold them, are one filter, counted once."""

    __slots__ = ("filters", "memory", "work")

    def __init__(self) -> None:
        self.filters: dict[Filter, int] = {}
        """With the number of subscriptions that have them."""
        self.memory = 0
        self.work = 0


class Spending:
    """What all addresses spend on subscriptions with queries, in one process."""

    def __init__(self) -> None:
        self._by_origin: dict[str, _Spent] = {}

    def enter(self, subscription: Subscription) -> None:
        """A subscription came to be."""
        wanted = subscription.filter
        if wanted is None:
            return
        wanted.held += 1
        origin = subscription.receiver.origin
        spent = self._by_origin.get(origin)
        if spent is None:
            spent = self._by_origin[origin] = _Spent()
        held = spent.filters.get(wanted, 0)
        spent.filters[wanted] = held + 1
        spent.memory += entry_bytes(wanted, len(subscription.channels))
        if not held:
            spent.memory += wanted.memory
            spent.work += wanted.work

    def leave(self, subscription: Subscription) -> None:
        """A subscription that came to be is no more."""
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

    def outlook(self, origin: str) -> Outlook:
        """What an address would spend with more subscriptions."""
        return Outlook(self._by_origin.get(origin) or _Spent())

    @property
    def is_empty(self) -> bool:
        """Whether nobody spends anything."""
        return not self._by_origin


class Outlook:
    """What an address would spend if it held some subscriptions more than it does."""

    def __init__(self, spent: _Spent) -> None:
        self._known = spent.filters
        self._more: set[Filter] = set()
        self.memory = spent.memory
        self.work = spent.work

    def cost(self, wanted: Filter | None, channels: int) -> tuple[int, int]:
        """Memory and work of one more, on so many channels."""
        if wanted is None or not channels:
            return 0, 0
        memory = entry_bytes(wanted, channels)
        is_new = wanted not in self._known and wanted not in self._more
        return (memory + wanted.memory, wanted.work) if is_new else (memory, 0)

    def add(self, wanted: Filter | None, channels: int) -> None:
        """One more, on so many channels."""
        memory, work = self.cost(wanted, channels)
        self.memory += memory
        self.work += work
        if wanted is not None:
            self._more.add(wanted)
