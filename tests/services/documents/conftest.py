"""Fixtures of the tests of documents and vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.documents.library import Library
from tests.services.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An empty project."""
    opened = await World.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def library(world: World) -> Library:
    """A database for documents and one for vectors, both empty."""
    return await Library.open(world)
