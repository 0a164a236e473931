"""What the database does not have yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Unwritten(Generic[K, V]):
    """Values by key, written in steps and known here until then."""

    def __init__(self) -> None:
        self._values: dict[K, V] = {}
        self._waiting: deque[K] = deque()
        """Keys to be written; perhaps of values that there are not any more."""

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value that is to be written; None if there is none."""
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Have a value written, instead of an earlier one that is not yet."""
        self._values[key] = value
        self._waiting.append(key)

    def discard(self, key: K) -> None:
        """Write nothing under this key, unless that was begun."""
        self._values.pop(key, None)

    def step(self, limit: int) -> dict[K, V]:
        """Begin to write the next values."""
        begun: dict[K, V] = {}
        while self._waiting and len(begun) < limit:
            key = self._waiting.popleft()
            value = self._values.get(key)
            if value is not None:
                begun[key] = value
        return begun

    @property
    def all_begun(self) -> bool:
        """Whether nothing waits any more."""
        return not self._waiting

    def begin_again(self, begun: Iterable[K]) -> None:
        """They could not be written."""
        self._waiting.extendleft(begun)

    def written(self, begun: dict[K, V]) -> None:
        """Forget them, but for those that have changed meanwhile."""
        for key, value in begun.items():
            if self._values.get(key) is value:
                del self._values[key]
