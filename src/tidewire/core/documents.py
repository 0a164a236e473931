"""Documents without a schema: which names and values they may have, and paths into them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from tidewire.core.columns import INT64, text_problem

LONGEST_NAME: Final = 255
"""Characters of the name of a member."""
DEEPEST_PATH: Final = 32
"""The most names in a path."""

_UNFIT: Final = re.compile(r'[\x00-\x1f"\\]')


def path_of(attribute: str) -> tuple[str, ...] | None:
    """The names in a path such as ``address.city``; None if it is no path that queries can follow.

    SQLite compares names as they stand in JSON text, so names that have to be escaped there are out.
    """
    names = tuple(attribute.split("."))
    fits = len(names) <= DEEPEST_PATH and len(attribute) <= LONGEST_NAME and not _UNFIT.search(attribute)
    return names if fits and all(names) and not text_problem(attribute) else None


def followed(name: str) -> bool:
    """Whether queries can follow a name, which may have periods in it here."""
    return 0 < len(name) <= LONGEST_NAME and not _UNFIT.search(name) and not text_problem(name)


def member_problem(name: str, value: object, depth: int) -> str:
    """What keeps a document from having this member; empty if nothing does. ``depth``: levels it may have."""
    if not name or "." in name or path_of(name) is None:
        return (
            f"names have 1 to {LONGEST_NAME} characters, and among them no period, quotation mark, backslash "
            "or control character."
        )
    return _value_problem(value, depth)


def _value_problem(value: object, depth: int) -> str:
    if isinstance(value, str):
        return text_problem(value)
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return ""
    if isinstance(value, int):
        return "" if value in INT64 else "integers have 64 bits."
    if depth <= 0:
        return "arrays and objects are nested too deep."
    if isinstance(value, dict):
        problems = (text_problem(name) or _value_problem(each, depth - 1) for name, each in value.items())
    else:
        assert isinstance(value, list)
        problems = (_value_problem(each, depth - 1) for each in value)
    return next(filter(None, problems), "")


def selected_members(document: Mapping[str, Any], selected: Collection[str]) -> dict[str, Any]:
    """What of a document has been selected: whole members, or by paths parts of them."""
    if "*" in selected:
        return dict(document)
    shown: dict[str, Any] = {}
    for path in selected:
        _take(document, path.split("."), shown)
    return {name: shown[name] for name in document if name in shown}


def _take(source: Mapping[str, Any], path: list[str], shown: dict[str, Any]) -> None:
    name, *rest = path
    if name not in source:
        return
    value = source[name]
    if not rest:
        shown[name] = value
    elif isinstance(value, dict):
        inner = shown.setdefault(name, {})
        if inner is not value:
            _take(value, rest, inner)


def found_at(document: Mapping[str, Any], path: tuple[str, ...]) -> tuple[dict[str, Any], Any] | None:
    """The object that the last name of a path stands in, and the value there; None if there is none."""
    place: Any = document
    for name in path[:-1]:
        place = place.get(name) if isinstance(place, dict) else None
    if not isinstance(place, dict) or path[-1] not in place:
        return None
    return place, place[path[-1]]
