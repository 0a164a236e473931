"""Which formats count for a version of the API."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from tidewire.api.bodies import RequestParameters
from tidewire.api.formats.table import FORMATS, NEWEST, OLDEST, generation, shaping, words_of
from tidewire.api.formats.versions import version_of
from tidewire.api.formats.words import UNIQUE, in_later_words, path_in_later_words
from tidewire.core.models import RowList


def test_versions_are_ordered_as_versions() -> None:
    ordered = ["nonsense", "1.3.9", "1.9-rc", "1.9", "1.9.0-rc1", "1.9.0", "1.9.5", "1.10.0", "2.0.0"]
    keys = [version_of(each) for each in ordered]
    assert all(lower < higher for lower, higher in pairwise(keys))
    assert [version_of(each.version) for each in FORMATS] == sorted(
        (version_of(each.version) for each in FORMATS), reverse=True
    )


@pytest.mark.parametrize(
    ("announced", "expected"),
    [("", NEWEST), ("2.0.0", NEWEST), ("99.0.0", NEWEST), ("1.9.5", 1), ("1.3.0", OLDEST), ("x", OLDEST)],
)
def test_a_version_chooses_the_formats(announced: str, expected: int) -> None:
    assert generation(announced) == expected


def test_words_of_each_version_become_those_of_today() -> None:
    def said(operation: str, version: str, **given: object) -> object:
        return in_later_words(
            words_of(operation, generation(version)), RequestParameters(given, False)
        ).values

    assert said("project.updateUserLimitPolicy", "1.9.1", limit=0) == {"total": None}
    assert said("project.updateUserLimitPolicy", "1.9.2", limit=0) == {"limit": 0}
    platform = said(
        "project.createApplePlatform", "1.8.0", name="App", key="com.example", store="", hostname=""
    )
    assert platform == {"name": "App", "bundleIdentifier": "com.example", "platformId": UNIQUE}
    assert said("project.updateKey", "1.9.0", name="Key", scopes=None) == {"name": "Key", "scopes": []}
    path = path_in_later_words(
        words_of("project.updateProtocol", generation("1.9.0")), {"protocolId": "realtime"}
    )
    assert path == {"protocolId": "websocket"}


async def test_a_long_list_is_shaped_while_others_go_on() -> None:
    row = {"$id": "r", "$sequence": "12", "library": {"$id": "l", "$sequence": "7"}, "tags": ["a"]}
    number = 20_000
    rows: list[Any] = [msgspec.Raw(msgspec.json.encode(row))] * number
    listed = RowList(total=number, rows=rows)
    shapes = shaping((RowList,), generation("1.8.0"))
    assert shapes is not None
    turns = 0
    nobody: Any = None  # rows look the same to everybody

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    shown = msgspec.json.decode(msgspec.json.encode(await shapes.shaped(nobody, RowList, listed)))
    counting.cancel()
    assert turns > 10
    expected = row | {"$sequence": 12, "library": {"$id": "l", "$sequence": 7}}
    assert shown == {"total": number, "rows": [expected] * number}
