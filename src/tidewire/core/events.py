"""Events: what happened, and all the names that one event goes by.

The names are those that Appwrite's SDKs and webhooks know. A pattern such as
``buckets.[bucketId].files.[fileId].create`` and the values of its placeholders give a list of names, from
the exact one to those full of ``*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import msgspec

ACTIONS: Final = frozenset({"create", "update", "upsert", "delete"})
"""Actions that channels and permissions know; patterns may end in other words too."""

NOBODY: Final = "nobody"
"""Audience of events that neither realtime nor webhooks deliver."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a project, as the event log keeps it."""

    pattern: str
    """The name with placeholders: ``buckets.[bucketId].files.[fileId].create``."""
    parameters: dict[str, str]
    """Values of the placeholders; the order decides the order of the names."""
    channels: list[str]
    """The channels that it is published on. If they are empty, or ``roles`` are, realtime does not deliver
    it."""
    roles: list[str]
    payload: bytes
    """The resource as one encoded JSON object, nothing secret in it."""
    timestamp: int
    """Milliseconds since the epoch."""
    user_id: str = ""
    """The ``userId`` parameter, if there is one: whose roles change if ``permissions_changed``."""
    actor_id: str = ""
    """The user who caused it, also one who has no session yet; empty for API keys and other guests."""
    permissions_changed: bool = False
    """Open connections of ``user_id`` get their roles afresh before this event is delivered."""
    database_type: str = ""
    """``legacy``, ``tablesdb``, ``documentsdb`` or ``vectorsdb``; empty outside databases."""
    audience: str = ""
    """The connections that it is for: empty for those of the event's own project, ``console`` for those of
    the console project.

    :data:`NOBODY`: only the server itself, to whom it tells that an identity changed.
    """

    confidential: bool = False
    """The log keeps the payload sealed: it holds what is kept nowhere in clear."""

    @property
    def names(self) -> list[str]:
        """All names of the event, the most exact one first."""
        return event_names(self.pattern, self.parameters, self.database_type)


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event with its place in the log of its project."""

    project_id: str
    offset: int
    """Strictly increasing within the project, not without gaps; 0: it was passed on without being logged."""
    event: Event


def event_names(pattern: str, parameters: Mapping[str, str], database_type: str = "") -> list[str]:
    """All names of one event, in the order of the protocol.

    Without ``database_type`` the names are those that webhooks and function triggers match. Values are
    ids: they hold no NUL character. Raises ValueError if a placeholder of the pattern has no value.
    """
    template = _template(pattern, tuple(parameters), database_type)
    values = [renames.get(value := parameters[name], value) for name, renames in template.slots]
    # A mirrored name can equal another one, depending on the values.
    return list(dict.fromkeys(template.text.format(*values).split("\0")))


@lru_cache(maxsize=4096)
def pattern_parts(pattern: str) -> tuple[tuple[str, ...], str]:
    """The words of the resource of a pattern and its action, which is empty unless one of :data:`ACTIONS`.

    ``buckets.[bucketId].files.[fileId].create`` gives ``("buckets", "files")`` and ``create``.
    """
    resource, action, _ = _parts(_segments(pattern))
    words = tuple(segment.text for segment in resource if isinstance(segment, _Word))
    actions = [segment.text for segment in action if isinstance(segment, _Word) and segment.text in ACTIONS]
    return words, "".join(actions)


_NO_RENAMES: Final[Mapping[str, str]] = {}
_TO_TABLES: Final = {"documents": "rows", "collections": "tables", "attributes": "columns"}
_TO_COLLECTIONS: Final = {new: old for old, new in _TO_TABLES.items()}
_OUT_OF_TABLESDB: Final = {"tablesdb": "databases", **_TO_COLLECTIONS}
_PROJECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "tablesdb": {"databases": "tablesdb", **_TO_TABLES},
    "documentsdb": {"databases": "documentsdb"},
    "vectorsdb": {"databases": "vectorsdb"},
}
"""Type of a database to the words of the pattern that it renames."""


@dataclass(frozen=True)
class _Word:
    """A segment that is the same in every event of its pattern."""

    text: str

    def renamed(self, renames: Mapping[str, str]) -> _Word:
        return _Word(renames.get(self.text, self.text))


@dataclass(frozen=True)
class _Slot:
    """A segment that is filled with the value of a parameter.

    ``renames`` is kept as items, which can be hashed. It is there because in a mirrored name an id is
    renamed too if it equals a renamed word.
    """

    parameter: str
    renames: tuple[tuple[str, str], ...] = ()

    def renamed(self, renames: Mapping[str, str]) -> _Slot:
        earlier = dict(self.renames)
        both = {old: renames.get(new, new) for old, new in earlier.items()}
        both.update((old, new) for old, new in renames.items() if old not in earlier)
        return _Slot(self.parameter, tuple(both.items()))


_Segments = tuple[_Word | _Slot, ...]


@dataclass(frozen=True)
class _Template:
    """The names of a pattern, with places for the values."""

    text: str
    """All names, separated by NUL, as a format string."""
    slots: tuple[tuple[str, Mapping[str, str]], ...]
    """For each place of the text, the parameter that fills it and the values that are replaced by others."""


@lru_cache(maxsize=4096)
def _template(pattern: str, parameters: tuple[str, ...], database_type: str) -> _Template:
    bases = _base_patterns(_project(_segments(pattern), database_type))
    placeholders = sum(isinstance(segment, _Slot) for segment in _segments_used(bases))
    for segment in _segments_used(bases):
        if isinstance(segment, _Slot) and segment.parameter not in parameters:
            raise ValueError(f"the event {pattern} needs a value for {segment.parameter}")
    stars = list(_wildcards(parameters, placeholders))
    names = dict.fromkeys(_starred(base, starred) for base in bases for starred in stars)
    if database_type not in {"documentsdb", "vectorsdb"}:
        names = dict.fromkeys(mirror for name in names for mirror in _mirrors(name))
    return _format(names)


def _segments(pattern: str) -> _Segments:
    return tuple(_Slot(text[1:-1]) if text.startswith("[") else _Word(text) for text in pattern.split("."))


def _project(segments: _Segments, database_type: str) -> _Segments:
    """Step 1: rename the words of the pattern for the type of the database; parameters keep their names."""
    if _Word("databases") not in segments:
        return segments
    renames = _PROJECTIONS.get(database_type, _NO_RENAMES)
    return tuple(segment.renamed(renames) if isinstance(segment, _Word) else segment for segment in segments)


def _base_patterns(segments: _Segments) -> list[_Segments]:
    """Step 2: the pattern and its shorter forms; segments beyond action and attribute are lost."""
    resource, action, attribute = _parts(segments)
    nested = len(resource) > 2
    bases = []
    if action:
        if attribute and nested:
            bases.append(resource + action + attribute)
        bases.append(resource + action)
        if nested:
            bases.append(resource)
        if attribute:
            bases.append(resource[:2] + action + attribute)
    bases += [resource[:length] for length in range(len(resource), 0, -2)]
    return list(dict.fromkeys(bases))


def _parts(segments: _Segments) -> tuple[_Segments, _Segments, _Segments]:
    """Resource, action and attribute of a pattern; the last two may be missing."""
    length = 2
    while length < 6 and isinstance(_segment_at(segments, length + 1), _Slot):
        length += 2
    attribute = segments[length + 1 :] if len(segments) == length + 2 else ()
    return segments[:length], segments[length : length + 1], attribute


def _segment_at(segments: _Segments, index: int) -> _Word | _Slot | None:
    return segments[index] if index < len(segments) else None


def _segments_used(bases: list[_Segments]) -> _Segments:
    """The segments of the longest form."""
    return max(bases, key=len)


def _wildcards(parameters: tuple[str, ...], placeholders: int) -> Iterator[frozenset[str]]:
    """Step 3: the sets of parameters that appear as ``*``, in order, with repetitions."""
    yield frozenset()
    yield frozenset(parameters)
    if placeholders < 3:
        for kept, starred in product(parameters, repeat=2):
            if starred != kept:
                yield frozenset({starred})
    else:
        for kept, first, second in product(parameters, repeat=3):
            if second not in {first, kept}:
                yield from (frozenset({second}), frozenset({first, second}), frozenset({first}))


def _starred(segments: _Segments, starred: frozenset[str]) -> _Segments:
    return tuple(
        _Word("*") if isinstance(segment, _Slot) and segment.parameter in starred else segment
        for segment in segments
    )


def _mirrors(name: _Segments) -> Iterator[_Segments]:
    """Step 4: a name and its counterparts in the words of the other database interfaces.

    The words of the pattern decide, never an id that happens to equal one of them.
    """
    yield name
    if _Word("tablesdb") in name:
        counterpart = _renamed(name, _OUT_OF_TABLESDB)
        yield counterpart
        yield _renamed(counterpart, _TO_TABLES)
    elif _Word("databases") in name:
        if _Word("collections") in name:
            yield _renamed(name, _TO_TABLES)
        elif _Word("tables") in name:
            yield _renamed(name, _TO_COLLECTIONS)


def _renamed(name: _Segments, renames: Mapping[str, str]) -> _Segments:
    return tuple(segment.renamed(renames) for segment in name)


def _format(names: Mapping[_Segments, None]) -> _Template:
    places: dict[_Slot, int] = {}
    texts = []
    for name in names:
        parts = [
            segment.text if isinstance(segment, _Word) else f"{{{places.setdefault(segment, len(places))}}}"
            for segment in name
        ]
        texts.append(".".join(parts))
    slots = tuple((slot.parameter, dict(slot.renames)) for slot in places)
    return _Template("\0".join(texts), slots)
