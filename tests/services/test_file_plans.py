"""How files that somebody may read are found: by what is granted if that is little, whatever there is."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.services.world import KEY, World
from tidewire.services.storage import files, uploads
from tidewire.store.engine.connection import Connection
from tidewire.store.records import grants
from tidewire.store.schema import files as files_table


async def plan(world: World) -> str:
    """What SQLite says about a page of the files that Ann may read."""

    def unit(connection: Connection) -> str:
        condition = grants.readable_among(connection, "file", files_table.c.sequence, ["user:ann", "users"])
        statement = select(files_table).where(condition).order_by(files_table.c.sequence).limit(25)
        text = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
        return "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))

    return await world.database.read(unit)


async def test_few_of_many_are_found_by_what_is_granted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.bucket("b1", file_security=True)
    ann = await world.user("ann")
    for number in range(6):
        permissions = ['read("user:ann")'] if number % 2 else ['read("user:bob")']
        upload = await world.upload(b"x", f"{number}.txt")
        await uploads.create_file(world.context(KEY), "b1", f"f{number}", upload, permissions)
    by_role = await plan(world)
    assert "SEARCH files USING INTEGER PRIMARY KEY" in by_role
    assert "ix_permissions_role_resource_type_action_resource" in by_role
    few = await files.list_files(world.context(ann), "b1")
    assert ([file.id for file in few.files], few.total) == (["f1", "f3", "f5"], 3)

    monkeypatch.setattr(grants, "FEW", 2)
    assert "SEARCH files USING INTEGER PRIMARY KEY" not in await plan(world)
    many = await files.list_files(world.context(ann), "b1")
    assert [file.id for file in many.files] == ["f1", "f3", "f5"]
