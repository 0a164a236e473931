"""Answers that their clients do not read: bounded in bytes, together and for each address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Unread:
    """The answers that one client has still to read."""

    address: str
    size: int
    """Bytes."""
    cut_off: Callable[[], None]


@dataclass
class _Held:
    """The answers that the clients of one address have still to read."""

    size: int = 0
    answers: set[Unread] = field(default_factory=set)


class UnreadAnswers:
    """All unread answers of one process.

    When there are too many bytes, the client with the largest answer is cut off: in the address that went
    beyond its share, or in the one that holds the most. Nothing is refused to those who read. A single
    answer is kept whatever its size.
    """

    def __init__(self, limit: int, limit_per_address: int) -> None:
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._by_address: dict[str, _Held] = {}
        self.size = 0
        """Bytes of all unread answers."""

    def add(self, unread: Unread) -> None:
        """Count an answer, and make room if there is none."""
        held = self._by_address.setdefault(unread.address, _Held())
        held.answers.add(unread)
        held.size += unread.size
        self.size += unread.size
        while held.size > self._limit_per_address and len(held.answers) > 1:
            self._cut(held)
        while self.size > self._limit and (len(self._by_address) > 1 or len(held.answers) > 1):
            self._cut(max(self._by_address.values(), key=lambda each: each.size))

    def remove(self, unread: Unread) -> None:
        """Forget an answer that was read, or whose client is gone; it may have been removed before."""
        held = self._by_address.get(unread.address)
        if held is None or unread not in held.answers:
            return
        held.answers.remove(unread)
        held.size -= unread.size
        self.size -= unread.size
        if not held.answers:
            del self._by_address[unread.address]

    def _cut(self, held: _Held) -> None:
        largest = max(held.answers, key=lambda each: each.size)
        self.remove(largest)
        largest.cut_off()
