"""Collections changed while they are in use, and across the end of the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.services.documents.library import Library, query
from tests.services.world import World
from tidewire.services.databases import databases
from tidewire.services.databases.schema_changes import finish_changes, resume_changes
from tidewire.store.engine.database import Database
from tidewire.store.user_tables import steps


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collections of more than 20 documents are changed in steps of 50."""
    monkeypatch.setattr(steps, "SMALL_TABLE", 20)
    monkeypatch.setattr(steps, "STEP_ROWS", 50)


async def settle(library: Library) -> None:
    """Do all that is still to be done."""
    world = library.world
    await finish_changes(world.project, world.database)


async def test_indexes_survive_the_end_of_the_program(tmp_path: Path, small_steps: None) -> None:
    world = await World.open(tmp_path)
    library = await Library.open(world)
    await library.collection()
    await library.fill(
        *({"$id": f"d{number}", "n": number, "deep": {"text": f"word{number}"}} for number in range(300))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "run_beside", lambda _, work: work.close())
        for index_type, path in (("fulltext", "deep.text"), ("key", "n"), ("unique", "deep.text")):
            assert (await library.index(index_type, path))["status"] == "processing"
    await world.close()
    world = await World.open(tmp_path)
    library = Library(world)
    await library.update("d7", deep={"text": "changed meanwhile"})
    await library.update("d250", deep={"text": ["no", "text"]})
    await library.delete("d8")
    await resume_changes(world.instance)
    assert await library.ids(query("search", "deep.text", "word200")) == ["d200"]
    assert await library.ids(query("search", "deep.text", "meanwhile")) == ["d7"]
    assert await library.ids(query("search", "deep.text", "word7")) == [f"d7{n}" for n in range(10)]
    for gone in ("word8 ", '"word250"'):
        found = await library.ids(query("search", "deep.text", gone))
        assert "d8" not in found
        assert "d250" not in found
    await library.update("d250", deep={"text": "back"})
    assert await library.ids(query("search", "deep.text", "back")) == ["d250"]
    assert "USING INDEX" in await library.plan(query("equal", "n", 5))
    check = await world.database.read(integrity)
    assert check == ["ok"]
    await world.close()


async def test_dropped_collections_leave_nothing(library: Library, small_steps: None) -> None:
    vectors = library.vectors
    await library.collection(security=True)
    await library.index("fulltext", "s")
    await library.index("key", "s")
    await library.fill(*({"s": "x", "$permissions": ['read("any")']} for _ in range(100)))
    await vectors.collection(dimension=2)
    await vectors.index("hnsw_dot", "embeddings")
    await vectors.fill(*({"embeddings": [number, 1]} for number in range(100)))
    await library.drop()
    await databases.delete_database(vectors.call(), "v")
    await settle(library)

    def left(connection: Any) -> list[str]:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name GLOB 't[0-9]*'")
        return [name for (name,) in names]

    assert await library.world.database.read(left) == []
    assert (await library.collection())["indexes"] == []
    assert await library.ids() == []


def integrity(connection: Any) -> list[str]:
    """What SQLite says of the file."""
    return [line for (line,) in connection.exec_driver_sql("PRAGMA integrity_check")]
