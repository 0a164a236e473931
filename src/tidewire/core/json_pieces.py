"""JSON texts decoded in steps, between which others can have their turns.

No thread or process makes objects for us without holding ours up. So a text is cut at commas that its
structure shows, and each piece is decoded by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from tidewire.core.json_bounds import STEP_BYTES, Steps, given_twice, require_once
from tidewire.core.json_structure import Structure, structure_in_steps

_LONGEST_NAME: Final = 64 * 1024
_NAME: Final = re.compile(rb'[ \t\n\r]*("[^"\\]*(?:\\.[^"\\]*)*")[ \t\n\r]*:', re.DOTALL)
_BLANK: Final = b" \t\n\r"
_ENDS: Final = {ord("["): ord("]"), ord("{"): ord("}")}


def text_in_pieces(text: str, limit: int) -> Steps:
    """The value of a JSON text of at most ``limit`` values.

    Raises msgspec's DecodeError, and :class:`TidewireError` as :func:`structure_in_steps` does.
    """
    body = bytearray(text.encode())
    structure = yield from structure_in_steps(body, limit)
    return (yield from body_in_steps(body, structure))


def body_in_steps(body: bytearray, structure: Structure, once: Sequence[str] = ()) -> Steps:
    """The value of a JSON text whose structure is known. Raises msgspec's DecodeError.

    Names that are to stand ``once`` in an object are as for :func:`~tidewire.core.json_bounds.require_once`.
    """
    return _Decoder(body, structure, once).value(0, len(body), 1)


class _Decoder:
    """One text on its way to a value."""

    def __init__(self, body: bytearray, structure: Structure, once: Sequence[str]) -> None:
        self._body = body
        self._once = once
        self._commas = structure.commas
        self._depths = structure.depths

    def value(self, start: int, end: int, depth: int) -> Steps:
        """The value between two places; ``depth`` is that of its members, if it has some."""
        start, end = self._without_blanks(start, end)
        opening = self._body[start] if start < end else 0
        if end - start <= STEP_BYTES or opening not in _ENDS:
            yield
            return self._decoded(bytes(self._body[start:end]))
        if self._body[end - 1] != _ENDS[opening]:
            raise msgspec.DecodeError("an array or object does not end as it began")
        if opening == ord("["):
            return (yield from self._array(start + 1, end - 1, depth))
        return (yield from self._object(start + 1, end - 1, depth))

    def _array(self, start: int, end: int, depth: int) -> Steps:
        values: list[Any] = []
        for begin, stop, alone in self._pieces(start, end, depth):
            if alone:
                values.append((yield from self.value(begin, stop, depth + 1)))
            else:
                yield
                values += self._decoded(b"[%b]" % bytes(self._body[begin:stop]))
        return values

    def _object(self, start: int, end: int, depth: int) -> Steps:
        values: dict[str, Any] = {}
        for begin, stop, alone in self._pieces(start, end, depth):
            if alone:
                name = _NAME.match(self._body, begin, min(stop, begin + _LONGEST_NAME))
                if name is None:
                    raise msgspec.DecodeError("a member of an object has no name, or a very long one")
                members = {msgspec.json.decode(name[1]): (yield from self.value(name.end(), stop, depth + 1))}
            else:
                yield
                members = self._decoded(b"{%b}" % bytes(self._body[begin:stop]))
            for each in self._once:
                if each in members and each in values:
                    raise given_twice(each)
            values |= members
        return values

    def _decoded(self, text: bytes) -> Any:
        value = msgspec.json.decode(text)
        if self._once:
            require_once(text, self._once)
        return value

    def _pieces(self, start: int, end: int, depth: int) -> Iterator[tuple[int, int, bool]]:
        """Members of an array or object, as many together as make a step, or one that is more than that."""
        first, last = np.searchsorted(self._commas, (start, end))
        cuts = self._commas[first:last][self._depths[first:last] == depth]
        if not len(cuts) and self._is_blank(start, end):
            return
        next_cut = 0
        while start <= end:
            following = max(next_cut + 1, int(np.searchsorted(cuts, start + STEP_BYTES)))
            if end - start <= STEP_BYTES:
                following = len(cuts) + 1
            stop = int(cuts[following - 1]) if following <= len(cuts) else end
            if self._is_blank(start, stop):
                raise msgspec.DecodeError("there is a comma with nothing before or behind it")
            yield start, stop, stop - start > STEP_BYTES
            start, next_cut = stop + 1, following

    def _is_blank(self, start: int, end: int) -> bool:
        return start >= end or (self._body[start] in _BLANK and not self._body[start:end].strip(_BLANK))

    def _without_blanks(self, start: int, end: int) -> tuple[int, int]:
        if start < end and self._body[start] in _BLANK:
            start = end - len(self._body[start:end].lstrip(_BLANK))
        if start < end and self._body[end - 1] in _BLANK:
            end = start + len(self._body[start:end].rstrip(_BLANK))
        return start, end
