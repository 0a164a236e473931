"""Fixtures for the tests of services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An empty project."""
    opened = await World.open(tmp_path)
    yield opened
    await opened.close()
