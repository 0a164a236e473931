"""Bringing the tables of a database up to date.

A new database gets the newest tables at once, which takes milliseconds. Migrations are for databases that
hold something; Alembic, which takes long to import, is imported only for them. The chains begin at the tables
of version 0.1.0, and what a release has shipped stays in them for ever.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    column,
    create_mock_engine,
    insert,
    select,
    table,
)

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.schema import INSTANCE_REVISION, PROJECT_REVISION, instance_metadata, project_metadata

_MIGRATIONS: Final = Path(__file__).parent.with_name("migrations")
_one_at_a_time: Final = threading.Lock()
_FIRST: Final = 100
"""The number of the first revision that a release has shipped."""
_FORMER_CHAIN: Final = "platform_revision"
"""The table in which development versions noted the revision of the instance's tables."""
_TOO_OLD: Final = "a development version before 0.1.0 made it, and its tables cannot be read"


class MigrationError(Exception):
    """A database whose tables this program does not know."""


@dataclass(frozen=True)
class Chain:
    """A line of migrations and the tables it leads to."""

    name: str
    head: str
    """Revision of the newest migration."""
    metadata: MetaData

    @property
    def version_table(self) -> str:
        """The table in which a database notes the revision that it has."""
        return f"{self.name}_revision"

    @property
    def directory(self) -> Path:
        """The directory of the migration files."""
        return _MIGRATIONS / self.name


PROJECT: Final = Chain("project", PROJECT_REVISION, project_metadata)
INSTANCE: Final = Chain("instance", INSTANCE_REVISION, instance_metadata)


def bring_up_to_date(connection: Connection, chain: Chain, *, create: bool = True) -> None:
    """Give the database the newest tables of ``chain``, within the transaction that ``connection`` is in.

    Raises :class:`MigrationError` if the database comes from a newer program or from a development version
    before 0.1.0, or has no tables of the chain and they are not to be made (``create``).
    """
    revision = _revision_of(connection, chain)
    if revision is None:
        if connection.dialect.has_table(connection, _FORMER_CHAIN):
            raise MigrationError(_TOO_OLD)
        if not create:
            raise MigrationError("it holds no tables of Tidewire; put it back from a backup")
        _create(connection, chain)
    elif revision != chain.head:
        if _is_too_old(revision):
            raise MigrationError(_TOO_OLD)
        migrate(connection, chain)


def _is_too_old(revision: str) -> bool:
    number = revision.rpartition("_")[2]
    return number.isdecimal() and int(number) < _FIRST


def _revision_of(connection: Connection, chain: Chain) -> str | None:
    """The revision that a database has; None: it has no tables of the chain."""
    if not connection.dialect.has_table(connection, chain.version_table):
        return None
    rows = _revision(chain.version_table).fetch(connection, {})
    return rows[0][0] if rows else ""


@cache
def _revision(version_table: str) -> Prepared:
    version = column("version_num", String)
    return Prepared(select(version).select_from(table(version_table, version)))


def _create(connection: Connection, chain: Chain) -> None:
    """Make the newest tables in a database that has none of the chain."""
    for definition in _definitions(chain, connection.dialect.name):
        connection.exec_driver_sql(definition)
    connection.execute(insert(_revision_table(chain)).values(version_num=chain.head))


@cache
def _definitions(chain: Chain, dialect: str) -> tuple[str, ...]:
    """The statements that make the newest tables; to compile them takes longer than to run them."""
    found: list[str] = []

    def note(statement: Any, *_: object) -> None:
        found.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine(f"{dialect}://", note)
    chain.metadata.create_all(engine, checkfirst=False)
    _revision_table(chain).create(engine, checkfirst=False)
    return tuple(found)


def _revision_table(chain: Chain) -> Table:
    """The table in which Alembic notes the revision, defined as Alembic would."""
    name = chain.version_table
    key = PrimaryKeyConstraint("version_num", name=f"{name}_pkc")
    return Table(name, MetaData(), Column("version_num", String(32), nullable=False), key)


def migrate(connection: Connection, chain: Chain) -> None:
    """Apply the missing migrations of ``chain`` within the transaction that ``connection`` is in.

    Raises :class:`MigrationError` if the database has a revision that this program does not know.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(chain.directory).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, chain=chain)
    try:
        # Migration files speak to one connection that is global to the process.
        with _one_at_a_time:
            command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationError(f"a newer Tidewire made it ({error})") from error
