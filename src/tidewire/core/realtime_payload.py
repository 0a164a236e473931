"""The payload of an event as queries see it: values, and stand-ins for them that compare at once.

Very many queries may ask the same of one payload. What takes long to find out, because a value is large, is
found out once.
"""

from __future__ import annotations

from collections.abc import Hashable
from hashlib import blake2b
from typing import Any, Final

from tidewire.core.folding import fold
from tidewire.core.queries import MAX_NESTING

ABSENT: Final = object()
"""Stands for the value of a key that a payload does not have."""
MAX_ELEMENTS: Final = 1_000
"""Values within one array or object that is compared as a whole, nested ones included."""
_CONTAINER: Final = b"#"
"""The first byte of keys of arrays and objects, which no key of a number has."""


def value_key(value: object) -> Hashable | None:
    """A hashable stand-in: equal for identical values, different for others.

    None for arrays and objects that nest deeper than those of queries may, or hold more than
    :data:`MAX_ELEMENTS` values: no query has one of them. The cost is that of one walk through the value.

    Numbers become bytes, whose hashes are salted: anybody can think of numbers whose own hashes collide,
    and a few thousand of them in queries would make every look-up slow.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return (value,)
    if isinstance(value, (int, float)):
        return _number(value)
    digest = blake2b(digest_size=16)
    return _CONTAINER + digest.digest() if _Walk(digest).walk(value, MAX_NESTING) else None


def _number(value: int | float) -> bytes:
    if isinstance(value, float) and not value.is_integer():
        return repr(value).encode()
    return b"%x" % int(value)


class _Walk:
    """One walk through an array or object, which leaves a text of it in a digest.

    Equal values leave the same text, others another one: every part says where it ends.
    """

    def __init__(self, digest: blake2b) -> None:
        self._digest = digest
        self._left = MAX_ELEMENTS

    def walk(self, value: object, levels: int) -> bool:
        """Leave the text of a value; False if it is too large or too deep, which ends the walk."""
        if isinstance(value, str):
            self._text(value)
        elif value is None or isinstance(value, bool):
            self._digest.update(b"%a;" % (value,))
        elif isinstance(value, (int, float)):
            self._digest.update(_number(value) + b";")
        elif isinstance(value, list):
            return self._enter(b"[", value, levels) and all(
                self.walk(element, levels - 1) for element in value
            )
        elif isinstance(value, dict):
            return self._enter(b"{", value, levels) and all(
                self._text(key) and self.walk(value[key], levels - 1) for key in sorted(value)
            )
        return True

    def _enter(self, kind: bytes, container: list[Any] | dict[str, Any], levels: int) -> bool:
        self._left -= len(container)
        if levels == 0 or self._left < 0:
            return False
        self._digest.update(kind + b"%d;" % len(container))
        return True

    def _text(self, text: str) -> bool:
        encoded = text.encode("utf-8", "surrogatepass")
        self._digest.update(b'"%d;' % len(encoded) + encoded)
        return True


class Attributes(dict[str, Any]):
    """A payload, a decoded JSON object, which remembers what queries asked of it. It is never changed."""

    __slots__ = ("_elements", "_folded", "_keys", "answers")

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self._keys: dict[str, Hashable | None] = {}
        self._elements: dict[str, frozenset[Hashable]] = {}
        self._folded: dict[str, str] = {}
        self.answers: dict[Any, bool] = {}
        """Whether it is accepted, by queries that several subscriptions have."""

    def key(self, attribute: str) -> Hashable | None:
        """The :func:`value_key` of an attribute that is there."""
        try:
            return self._keys[attribute]
        except KeyError:
            key = self._keys[attribute] = value_key(self[attribute])
            return key

    def elements(self, attribute: str) -> frozenset[Hashable]:
        """The keys of the elements of an attribute that is an array."""
        try:
            return self._elements[attribute]
        except KeyError:
            keys = {key for element in self[attribute] if (key := value_key(element)) is not None}
            found = self._elements[attribute] = frozenset(keys)
            return found

    def folded(self, attribute: str) -> str:
        """An attribute that is a text, without the case of its letters."""
        try:
            return self._folded[attribute]
        except KeyError:
            text: str = self[attribute]
            found = self._folded[attribute] = fold(text)
            return found
