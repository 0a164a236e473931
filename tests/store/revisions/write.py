"""Write the tables of the newest revisions beside older ones: ``python -m tests.store.revisions.write``."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from tidewire.store.engine.database import Database
from tidewire.store.engine.migration import INSTANCE, PROJECT, Chain


async def tables_of(chain: Chain) -> str:
    """The statements that make the tables of ``chain`` in an empty database."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "database.sqlite3"
        database = await Database.open(
            path, "console", chains=(PROJECT,) if chain is PROJECT else (chain, PROJECT)
        )
        await database.close()
        connection = sqlite3.connect(path)
        own = {*chain.metadata.tables, chain.version_table}
        statements = [
            statement
            for table, statement in connection.execute(
                "SELECT tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
                " ORDER BY type = 'table' DESC, tbl_name, name"
            )
            if table in own
        ]
        connection.close()
    lines = (line.rstrip() for statement in statements for line in f"{statement.strip()};".splitlines())
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for chain in (PROJECT, INSTANCE):
        Path(__file__).with_name(f"{chain.head}.sql").write_text(asyncio.run(tables_of(chain)))
