"""Query strings by the rules of PHP, which all SDKs write for: ``a[]=x&a[]=y`` and ``a[k][0]=x`` nest."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote_plus

MAX_PARAMETERS: Final = 4_000
"""The most pairs that are read. Older SDKs send one for each channel and each query."""
MAX_NESTING: Final = 64
"""The most brackets in one name."""

MAX_BRACKETS: Final = 12_000
"""Pairs of brackets in all names together. Slot clients send two or three
with each parameter."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_NOT_IN_NAMES: Final = str.maketrans({".": "_", " ": "_", "[": "_"})


def parse_query_string(text: str, *, strict: bool = False) -> dict[str, Any]:
    """The parameters of a query string, ``?`` not included; values are text, lists and dicts of such.

    Names in brackets nest, empty brackets append. A level whose names are exactly the numbers from 0 is a
    list in the order of these numbers, any other a dict in the order of appearance. Before the first bracket
    ``.`` and space in a name become ``_``. What is beyond the bounds is ignored; if ``strict``, it raises
    ``ValueError``, and so does a name in brackets that is given twice: who changes something must not miss
    what limits the change.
    """
    root = _Level()
    levels = 0
    nested: set[str | None] = set()
    pairs = text.split("&", MAX_PARAMETERS)
    if strict and len(pairs) > MAX_PARAMETERS:
        raise ValueError(f"there are more than {MAX_PARAMETERS} parameters")
    for pair in pairs[:MAX_PARAMETERS]:
        name, _, value = pair.partition("=")
        path = _path(unquote_plus(name))
        levels += len(path)
        if levels > MAX_PARAMETERS + MAX_BRACKETS:
            if strict:
                raise ValueError(f"their names have more than {MAX_BRACKETS} pairs of brackets")
            break
        if path:
            if not root.put(path, unquote_plus(value)) and strict and (len(path) > 1 or path[0] in nested):
                raise ValueError(f"{path[0]!r} is given twice, at the same place")
            if len(path) > 1:
                nested.add(path[0])
        elif strict and name:
            raise ValueError(f"the name {name[:64]!r} cannot be read")
    return {name: _plain(value) for name, value in root.items.items()}


class _Level:
    """The parameters inside one pair of brackets, while more may come."""

    __slots__ = ("items", "next_index")

    def __init__(self) -> None:
        self.items: dict[str, str | _Level] = {}
        self.next_index = 0

    def put(self, path: list[str | None], value: str) -> bool:
        """Set ``value`` at ``path``, where it replaces an earlier value; return False if there was one."""
        level, is_new = self, True
        for part in path[:-1]:
            name = level.name_of(part)
            inner = level.items.get(name)
            if not isinstance(inner, _Level):
                is_new = is_new and inner is None
                inner = level.items[name] = _Level()
            level = inner
        name = level.name_of(path[-1])
        is_new = is_new and name not in level.items
        level.items[name] = value
        return is_new

    def name_of(self, part: str | None) -> str:
        """``part``, or for None the next free index."""
        if part is None:
            self.next_index += 1
            return str(self.next_index - 1)
        if _INDEX.fullmatch(part):
            self.next_index = max(self.next_index, int(part) + 1)
        return part


def _path(name: str) -> list[str | None]:
    """``a[b][]`` to ``["a", "b", None]``; empty if there is no name or it nests too deep."""
    name = name.lstrip(" ")
    head, bracket, rest = name.partition("[")
    if not head:
        return []
    path: list[str | None] = [head.translate(_NOT_IN_NAMES)]
    while bracket:
        inner, closing, rest = rest.partition("]")
        if not closing:
            # An unclosed bracket is part of the name.
            return path if len(path) > 1 else [name.translate(_NOT_IN_NAMES)]
        path.append(inner or None)
        if len(path) > MAX_NESTING:
            return []
        # What follows a closing bracket counts only if it is a bracket again.
        bracket, rest = rest[:1] if rest.startswith("[") else "", rest[1:]
    return path


def _plain(value: str | _Level) -> Any:
    if isinstance(value, str):
        return value
    items = {name: _plain(inner) for name, inner in value.items.items()}
    indexes = [str(index) for index in range(len(items))]
    return [items[index] for index in indexes] if items.keys() == set(indexes) else items
