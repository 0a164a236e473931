"""What the tests of the store share: open databases and made-up events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidewire.settings import Settings
from tidewire.store.engine.database import Database
from tidewire.store.instance.instance import Instance


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "database.sqlite3", "shop")
    yield opened
    await opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path / "data"))


@pytest.fixture
def directory(settings: Settings) -> Path:
    """The data directory; not there before something creates it."""
    return Path(settings.data_dir)


@pytest.fixture
async def instance(settings: Settings) -> AsyncIterator[Instance]:
    opened = await Instance.open(settings)
    yield opened
    await opened.close()
