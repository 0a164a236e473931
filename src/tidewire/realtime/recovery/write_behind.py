"""Write-behind: values that are known here before they are in the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class WriteBehind(Generic[K, V]):
    """Values by key, which are written in steps and known here until they are."""

    def __init__(self) -> None:
        self._values: dict[K, V] = {}
        self._waiting: deque[K] = deque()
        """Keys to be written, some of which may have no value any more."""

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value that is still to be written under a key; None: there is none."""
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Have a value written, in place of an earlier one that is not written yet."""
        self._values[key] = value
        self._waiting.append(key)

    def discard(self, key: K) -> None:
        """Write nothing under this key, unless writing it was begun."""
        self._values.pop(key, None)

    def step(self, limit: int) -> dict[K, V]:
        """Begin to write the next values, at most ``limit``."""
        begun: dict[K, V] = {}
        while self._waiting and len(begun) < limit:
            key = self._waiting.popleft()
            value = self._values.get(key)
            if value is not None:
                begun[key] = value
        return begun

    @property
    def all_begun(self) -> bool:
        """Whether no value waits to be begun."""
        return not self._waiting

    def begin_again(self, begun: Iterable[K]) -> None:
        """Have values written again that could not be written."""
        self._waiting.extendleft(begun)

    def written(self, begun: dict[K, V]) -> None:
        """Forget values that were written, except those that have changed meanwhile."""
        for key, value in begun.items():
            if self._values.get(key) is value:
                del self._values[key]
