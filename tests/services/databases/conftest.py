"""Fixtures of the tests of databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.databases.library import Library
from tests.services.databases.shop import Shop
from tests.services.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An empty project."""
    opened = await World.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    """A database without tables."""
    return await Shop.open(world)


@pytest.fixture
def library(shop: Shop) -> Library:
    """A database without tables that are related."""
    return Library(shop)
