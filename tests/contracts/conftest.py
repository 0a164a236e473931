"""What the contracts are tested on: engines, projects, buses, object stores. Another one is a line here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import uvloop
from obstore.store import MemoryStore

from tests.bus.processes import MeshProcess, Process
from tests.services.databases.shop import Shop
from tests.services.documents.library import Library
from tests.services.world import World
from tidewire.store.engine.contract import ProjectDatabase
from tidewire.store.engine.sqlite.database import Database
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.objects.stores import DirectoryStore, KeyedStore, ObjectStore
from tidewire.store.secrets.file_keys import FileKeys, FileSecrets
from tidewire.store.secrets.secret_file import Secrets

Open = Callable[[], Awaitable[ProjectDatabase]]
"""Opens the one database of a test once more, as another process would: a node."""
OpenWorld = Callable[[Path], Awaitable[World]]
"""Opens the data directory of an instance that has one project, which is made if there is none yet."""


def on_sqlite(place: Path) -> Open:
    return lambda: Database.open(place / "database.sqlite3", "shop")


ENGINES: Final[Mapping[str, Callable[[Path], Open]]] = {"sqlite": on_sqlite}
PROJECTS: Final[Mapping[str, OpenWorld]] = {"sqlite": World.open}
BUSES: Final[Mapping[str, Callable[[Path], Callable[[str], Process]]]] = {
    "mesh": lambda place: partial(MeshProcess, place)
}
STORES: Final[Mapping[str, Callable[[Path], ObjectStore]]] = {
    "directory": DirectoryStore,
    "memory": lambda _: KeyedStore(MemoryStore()),
}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(params=sorted(ENGINES))
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    open_another = ENGINES[request.param](tmp_path)
    opened: list[ProjectDatabase] = []

    async def open_node() -> ProjectDatabase:
        opened.append(await open_another())
        return opened[-1]

    yield open_node
    for each in opened:
        await each.close()


@pytest.fixture
async def database(node: Open) -> ProjectDatabase:
    return await node()


@pytest.fixture(params=sorted(PROJECTS))
def open_world(request: pytest.FixtureRequest) -> OpenWorld:
    return PROJECTS[request.param]


@pytest.fixture
async def world(open_world: OpenWorld, tmp_path: Path) -> AsyncIterator[World]:
    """An empty project."""
    opened = await open_world(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def shop(world: World) -> Shop:
    """A database without tables."""
    return await Shop.open(world)


@pytest.fixture
async def library(world: World) -> Library:
    """A database for documents and one for vectors, both empty."""
    return await Library.open(world)


@pytest.fixture(params=sorted(STORES))
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return STORES[request.param](tmp_path / "objects")


@pytest.fixture
def objects(object_store: ObjectStore) -> ObjectStorage:
    secrets = FileSecrets(Path("absent"), Secrets(b"s" * 32, settled=True))
    return ObjectStorage(object_store, "shop", durable=True, keys=FileKeys(secrets, "shop"))
