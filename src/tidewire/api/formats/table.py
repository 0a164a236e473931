"""The table of formats, and the way of requests and answers through it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, get_args, get_type_hints

import msgspec

from tidewire.api.formats import conversions, words
from tidewire.api.formats.conversions import Conversion, Conversions, Fields
from tidewire.api.formats.projects import project_before_1_9_5
from tidewire.api.formats.versions import LONGEST_VERSION, version_of
from tidewire.api.formats.words import Words
from tidewire.core.models import Project
from tidewire.services.context import Context

Whole = Callable[[Context, Any], Awaitable[Fields]]
"""One resource as a program of an earlier version reads it, with what the answer of today does not tell."""


@dataclass(frozen=True)
class Format:
    """What programs of versions before ``version`` say and read differently from those of it."""

    version: str
    words: Mapping[str, Words] = field(default_factory=dict)
    """Words by the operation that they apply to."""
    conversions: Conversions = field(default_factory=dict)
    whole: Mapping[type, Whole] = field(default_factory=dict)
    """Whole resources by model, which replace the fields of today."""
    shows_related: bool = False
    """Whether documents come with those related to them where nothing is selected."""


FORMATS: Final = (
    Format("2.0.0", conversions=conversions.BEFORE_2_0_0),
    Format("1.9.5", words.BEFORE_1_9_5, whole={Project: project_before_1_9_5}),
    Format("1.9.4", words.BEFORE_1_9_4, conversions.BEFORE_1_9_4),
    Format("1.9.3", words.BEFORE_1_9_3, conversions.BEFORE_1_9_3),
    Format("1.9.2", words.BEFORE_1_9_2, conversions.BEFORE_1_9_2),
    Format("1.9.1", words.BEFORE_1_9_1, conversions.BEFORE_1_9_1),
    Format("1.9.0", words.BEFORE_1_9_0, conversions.BEFORE_1_9_0),
    Format("1.8.0", shows_related=True),
    Format("1.7.0", words.BEFORE_1_7_0, conversions.BEFORE_1_7_0),
    Format("1.6.0", conversions=conversions.BEFORE_1_6_0),
    Format("1.5.0", words.BEFORE_1_5_0, conversions.BEFORE_1_5_0),
    Format("1.4.0", conversions=conversions.BEFORE_1_4_0),
)
"""Newest first."""

NEWEST: Final = 0
OLDEST: Final = len(FORMATS)

_PAUSE_AFTER_SECONDS: Final = 0.001
_VERSIONS: Final = [version_of(each.version) for each in FORMATS]


def generation(announced: str) -> int:
    """How many formats, from the newest on, count for a program of this version; :data:`NEWEST`: none.

    An empty version is the newest; a text that is no version is older than all.
    """
    return _generation(announced[:LONGEST_VERSION]) if announced else NEWEST


@lru_cache(maxsize=256)
def _generation(announced: str) -> int:
    version = version_of(announced)
    return sum(version < each for each in _VERSIONS)


def shows_related(generation: int) -> bool:
    """Whether programs of a generation expect documents with those related to them."""
    return any(each.shows_related for each in FORMATS[:generation])


@lru_cache(maxsize=1024)
def words_of(operation: str, generation: int) -> tuple[Words, ...]:
    """What requests of a generation for an operation say differently, the oldest format first."""
    counting = reversed(FORMATS[:generation])
    return tuple(each.words[operation] for each in counting if operation in each.words)


class Shaping:
    """How answers of some models are shaped for one generation."""

    __slots__ = ("_conversions", "_listed", "_whole", "counts", "tells_more")

    def __init__(self, models: tuple[type, ...], generation: int) -> None:
        self._listed = {model: _lists_of(model) for model in models}
        """For each model, its fields that list other models: the name on the wire, and the models."""
        self._conversions: dict[type, list[Conversion]] = {}
        self._whole: dict[type, Whole] = {}
        for each in FORMATS[:generation]:
            for model, convert in each.conversions.items():
                self._conversions.setdefault(model, []).append(convert)
            self._whole.update(each.whole)
        kinds = {kind for lists in self._listed.values() for _, of in lists for kind in of}.union(models)
        self.counts = not kinds.isdisjoint({*self._conversions, *self._whole})
        """Whether anything is different at all."""
        self.tells_more = not kinds.isdisjoint(self._whole)
        """Whether the answer tells what that of today does not, which may be secret."""

    async def shaped(self, context: Context, model: type, answer: Any) -> Any:
        """The answer, of this model unless it says otherwise itself, as the generation reads it.

        What is JSON text already stays that. A long list is shaped a little at a time, between which the
        event loop does everything else.
        """
        if isinstance(answer, msgspec.Struct):
            model = type(answer)
        lists = [(wire, kinds) for wire, kinds in self._listed.get(model, ()) if self._any(kinds)]
        if lists:
            return self._reshaped(context, model, await self._with_lists(context, answer, lists))
        if isinstance(answer, msgspec.Raw):
            fields = self._reshaped(context, model, msgspec.json.decode(answer))
            return msgspec.Raw(msgspec.json.encode(fields))
        if model in self._whole:
            fields = await self._whole[model](context, answer)
        else:
            fields = msgspec.to_builtins(answer) if isinstance(answer, msgspec.Struct) else answer
        return self._reshaped(context, model, fields)

    def _reshaped(self, context: Context, model: type, fields: Fields) -> Fields:
        for convert in self._conversions.get(model, ()):
            fields = convert(context, fields)
        return fields

    async def _with_lists(self, context: Context, answer: Any, lists: list[_List]) -> Fields:
        fields = {each.encode_name: getattr(answer, each.name) for each in msgspec.structs.fields(answer)}
        began = time.perf_counter()
        for wire, kinds in lists:
            shown = []
            for item in fields[wire]:
                shown.append(await self.shaped(context, kinds[0], item))
                if time.perf_counter() - began > _PAUSE_AFTER_SECONDS:
                    await asyncio.sleep(_PAUSE_AFTER_SECONDS)
                    began = time.perf_counter()
            fields[wire] = shown
        return fields

    def _any(self, kinds: tuple[type, ...]) -> bool:
        return any(kind in self._conversions or kind in self._whole for kind in kinds)


_List = tuple[str, tuple[type, ...]]


@lru_cache(maxsize=2048)
def shaping(models: tuple[type, ...], generation: int) -> Shaping | None:
    """How answers of these models are shaped for a generation; None: as they are."""
    made = Shaping(models, generation)
    return made if made.counts else None


def _lists_of(model: type) -> list[_List]:
    hints = get_type_hints(model)
    found: list[_List] = []
    for each in msgspec.structs.fields(model):
        of = get_args(hints[each.name])
        if getattr(hints[each.name], "__origin__", None) is list and of:
            kinds = tuple(kind for kind in (get_args(of[0]) or of) if isinstance(kind, type))
            if all(issubclass(kind, msgspec.Struct) for kind in kinds) and kinds:
                found.append((each.encode_name, kinds))
    return found
