"""Garbage is found without walking over what lives on."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from tidewire import gc_tuning


class Node:
    """Refers to itself: only a collection frees it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks


def test_what_a_collection_leaves_is_not_walked_over_again() -> None:
    gc_tuning.begin()
    kept = [Node() for _ in range(10_000)]
    gc.collect()
    assert len(gc.get_objects()) < len(kept), "they are set aside"
    assert gc.get_freeze_count() > len(kept)
    frozen = gc.get_freeze_count()
    more = [Node() for _ in range(50_000)]
    assert gc.get_freeze_count() > frozen, "without being asked, it happens all the time"
    del kept, more


def test_young_garbage_is_freed_at_once() -> None:
    gc_tuning.begin()
    seen = [weakref.ref(Node()) for _ in range(50_000)]
    assert sum(each() is not None for each in seen) < 10_000


async def _collects_thoroughly() -> None:
    """Let it look once."""
    collecting = asyncio.create_task(gc_tuning.collect_thoroughly())
    for _ in range(10):
        await asyncio.sleep(0)
    collecting.cancel()


async def test_garbage_among_what_was_set_aside_is_found_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    gc_tuning.begin()
    node = Node()
    gone = weakref.ref(node)
    gc.collect()
    del node
    gc.collect()
    monkeypatch.setattr(gc_tuning, "LOOK_SECONDS", 0)
    await _collects_thoroughly()
    assert gone() is not None
    monkeypatch.setattr(gc_tuning, "THOROUGH_SECONDS", 0)
    await _collects_thoroughly()
    assert gone() is None
    assert not gc.get_freeze_count() or len(gc.get_objects()) < 1000, "the rest is set aside again"


async def test_much_garbage_among_what_was_set_aside_is_found_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    gc_tuning.begin()
    monkeypatch.setattr(gc_tuning, "LOOK_SECONDS", 0)
    monkeypatch.setattr(gc_tuning, "SPARE_BLOCKS", 1000)
    collecting = asyncio.create_task(gc_tuning.collect_thoroughly())
    await asyncio.sleep(0)
    nodes = [Node() for _ in range(sys.getallocatedblocks() + 2000)]
    gone = weakref.ref(nodes[0])
    gc.collect()
    del nodes
    assert gone() is not None
    for _ in range(10):
        await asyncio.sleep(0)
    collecting.cancel()
    assert gone() is None
