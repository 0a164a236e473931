"""Migrations: what a release wrote is read by every later program."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, text

from tidewire.store.engine import migration
from tidewire.store.engine.database import Database
from tidewire.store.engine.migration import INSTANCE, PROJECT, Chain
from tidewire.store.errors import StoreError

SHIPPED = sorted((Path(__file__).parent / "revisions").glob("*.sql"))
"""Tables as each revision had them, one file a revision. A revision that was released never changes; one that
comes later adds its file, which ``python -m tests.store.revisions.write`` makes."""


def chain_of(revision: str) -> Chain:
    return next(chain for chain in (PROJECT, INSTANCE) if revision.startswith(chain.name))


def scripts(chain: Chain) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(chain.directory.parent))
    config.set_main_option("version_locations", str(chain.directory))
    config.set_main_option("path_separator", "newline")
    return ScriptDirectory.from_config(config)


def definitions(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """What each table consists of: its columns, indexes, foreign keys, triggers and kind."""
    connection = sqlite3.connect(path)
    tables: list[tuple[str, str]] = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    described: dict[str, set[tuple[object, ...]]] = {}
    for name, definition in tables:
        parts: set[tuple[object, ...]] = {
            ("without rowid", "WITHOUT ROWID" in definition),
            ("autoincrement", "AUTOINCREMENT" in definition),
        }
        for column in connection.execute(f"PRAGMA table_info({name})"):
            parts.add(("column", *column[1:]))
        for _, index, unique, origin, _ in connection.execute(f"PRAGMA index_list({name})"):
            columns = tuple(row[2] for row in connection.execute(f"PRAGMA index_info({index})"))
            parts.add(("index", index if origin == "c" else "", unique, origin, columns))
        for key in connection.execute(f"PRAGMA foreign_key_list({name})"):
            parts.add(("foreign key", *key[2:]))
        triggers = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?"
        parts.update(("trigger", *row) for row in connection.execute(triggers, (name,)))
        described[name] = parts
    connection.close()
    return described


@pytest.mark.parametrize("chain", [PROJECT, INSTANCE], ids=lambda chain: str(chain.name))
def test_the_newest_migration_is_the_one_the_schema_names(chain: Chain) -> None:
    assert scripts(chain).get_current_head() == chain.head


@pytest.mark.parametrize("chain", [PROJECT, INSTANCE], ids=lambda chain: str(chain.name))
def test_the_tables_of_every_revision_are_known(chain: Chain) -> None:
    revisions = {script.revision for script in scripts(chain).walk_revisions()}
    assert {path.stem for path in SHIPPED if chain_of(path.stem) is chain} == revisions


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: str(path.stem))
async def test_every_revision_leads_to_the_tables_of_the_schema(tmp_path: Path, shipped: Path) -> None:
    chain = chain_of(shipped.stem)
    migrated, declared = tmp_path / "migrated.sqlite3", tmp_path / "declared.sqlite3"
    connection = sqlite3.connect(migrated)
    connection.executescript(shipped.read_text())
    connection.execute(f"INSERT INTO {chain.version_table} VALUES (?)", (shipped.stem,))
    connection.commit()
    connection.close()
    for path in (migrated, declared):
        # A console's database holds both chains: the project's tables keep its own event log.
        database = await Database.open(path, "console", chains=(chain, PROJECT))
        await database.close()
    assert definitions(migrated) == definitions(declared)


async def test_a_migration_is_applied_once_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "migrations"
    (directory / "project").mkdir(parents=True)
    for file in (PROJECT.directory.parent / "env.py", *PROJECT.directory.glob("*.py")):
        (directory / file.relative_to(PROJECT.directory.parent)).write_text(file.read_text())
    (directory / "project" / "9999_later.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n"
        f"revision, down_revision = 'project_9999', '{PROJECT.head}'\n"
        "branch_labels = depends_on = None\n"
        "def upgrade():\n    op.create_table('later', sa.Column('number', sa.Integer, primary_key=True))\n"
    )
    path = tmp_path / "database.sqlite3"
    database = await Database.open(path, "shop")
    await database.write(
        lambda unit: unit.connection.execute(text("INSERT INTO state VALUES ('a', 'b')")) and None
    )
    await database.close()
    monkeypatch.setattr(migration, "_MIGRATIONS", directory)
    metadata = MetaData()
    Table("later", metadata, Column("number", Integer, primary_key=True))
    later = Chain("project", "project_9999", metadata)
    for _ in range(2):
        database = await Database.open(path, "shop", chains=(later,))
        kept = await database.read(
            lambda connection: connection.execute(
                text("SELECT value, (SELECT count(*) FROM later) FROM state WHERE name = 'a'")
            ).one()
        )
        assert tuple(kept) == ("b", 0)
        await database.close()


@pytest.mark.parametrize(
    ("revision", "who"),
    [
        ("future", "a newer Tidewire made it"),
        ("project_9999", "a newer Tidewire made it"),
        ("project_0014", "a development version before 0.1.0 made it, and its tables cannot be read"),
    ],
)
async def test_a_revision_that_is_not_known_is_refused(database: Database, revision: str, who: str) -> None:
    await database.write(
        lambda unit: (
            unit.connection.execute(
                text("UPDATE project_revision SET version_num = :revision"), {"revision": revision}
            )
            and None
        )
    )
    await database.close()
    with pytest.raises(StoreError, match=re.escape(who)):
        await Database.open(database.path, "shop")


@pytest.mark.parametrize("create", [False, True])
async def test_tables_of_a_development_version_are_told_from_none(
    database: Database, *, create: bool
) -> None:
    """Their instance tables were of a chain with another name."""
    await database.write(
        lambda unit: unit.connection.execute(text("CREATE TABLE platform_revision (version_num)")) and None
    )
    await database.close()
    with pytest.raises(StoreError, match=r"a development version before 0\.1\.0 made it"):
        await Database.open(database.path, "shop", chains=(PROJECT, INSTANCE), create=create)
