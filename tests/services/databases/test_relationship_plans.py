"""How related rows are found: by indexes, and with one statement for a page, however many rows it has."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.services.databases.library import Library, select
from tests.services.databases.shop import column, query
from tests.services.world import GUEST
from tidewire.core.identities import Caller
from tidewire.core.relationships import RelationType
from tidewire.services.databases.related_reading import reach_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.user_tables.access import EVERYTHING
from tidewire.store.user_tables.filters import bound_values
from tidewire.store.user_tables.listing import list_statement
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.queries import read_page
from tidewire.store.user_tables.related_rows import related_statement


async def explained(library: Library, statement_of: Any) -> str:
    """What SQLite says about a statement on the table a."""

    def unit(connection: Connection) -> str:
        table = find_table(connection, library.shop.world.instance.encryption, "d", "a", disabled=True)
        assert table is not None
        statement, values = statement_of(connection, table)
        compiled = statement.compile(dialect=connection.dialect)
        given = {**compiled.params, **values}
        parameters = tuple(given[name] for name in compiled.positiontup or ())
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters)
        return "\n".join(row[3] for row in rows)

    return await library.shop.world.database.read(unit)


BY_KEY = ["SEARCH {there} USING INDEX {there}_r1 (r1=?)"]
BY_NAME = ["SEARCH owner USING INTEGER PRIMARY KEY", "SEARCH {there} USING INTEGER PRIMARY KEY"]
BY_INDEX = {
    ("oneToOne", "parent"): BY_NAME,
    ("oneToOne", "child"): BY_KEY,
    ("oneToMany", "parent"): BY_KEY,
    ("oneToMany", "child"): BY_NAME,
    ("manyToOne", "parent"): BY_NAME,
    ("manyToOne", "child"): BY_KEY,
    ("manyToMany", "parent"): ["SEARCH p1 USING PRIMARY KEY (parent=?)", "SEARCH {there} USING INTEGER"],
    ("manyToMany", "child"): [
        "SEARCH p1 USING COVERING INDEX p1_child (child=?)",
        "SEARCH {there} USING INTEGER",
    ],
}
"""How rows of the table a, which is t1, find those of the table b, t2, that they are related to."""


@pytest.mark.parametrize(("relation_type", "side"), BY_INDEX)
async def test_related_rows_are_found_by_indexes(
    library: Library, relation_type: RelationType, side: str
) -> None:
    await library.table("a")
    await library.table("b")
    here, there = ("a", "b") if side == "parent" else ("b", "a")
    await library.relate(here, there, relation_type, "to", back="back")
    key = "to" if side == "parent" else "back"

    def statement(connection: Connection, table: Any) -> Any:
        reached = reach_of(connection, library.shop.call())(table.relations[key])
        return related_statement(table, reached, ["name"]), {"owners": "[1,2]", "limit": 10}

    plan = await explained(library, statement)
    for line in BY_INDEX[relation_type, side]:
        assert line.format(there="t2") in plan, plan
    assert "SCAN t1" not in plan
    assert "SCAN t2" not in plan
    assert "SCAN owner" not in plan


@pytest.mark.parametrize("relation_type", get_args(RelationType))
async def test_filters_through_relationships_use_indexes(
    library: Library, relation_type: RelationType
) -> None:
    await library.table("a")
    columns = [column("name", "varchar")]
    by_name = [{"key": "by_name", "type": "key", "columns": ["name"]}]
    await library.shop.table(columns, table_id="b", indexes=by_name)
    await library.relate("a", "b", relation_type, "to")

    def statement(connection: Connection, table: Any) -> Any:
        queries = [query("equal", "to.name", "x")]
        page = read_page(table, queries, reach_of(connection, library.shop.call()))
        return list_statement(table, page, EVERYTHING), {**bound_values(page.values), "limit": 25}

    plan = await explained(library, statement)
    assert "SEARCH t2 USING" in plan
    assert "INDEX t2_i1 (name" in plan or "INDEX t2_i1 (c" in plan
    assert "SCAN t1" not in plan
    assert "SCAN p1" not in plan


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of all prepared statements that are executed from now on."""
    seen: list[str] = []
    bound = Prepared._bound

    def recorded(self: Prepared, connection: Connection, values: dict[str, Any]) -> tuple[str, Any]:
        text, parameters = bound(self, connection, values)
        seen.append(text)
        return text, parameters

    monkeypatch.setattr(Prepared, "_bound", recorded)
    return seen


@pytest.mark.parametrize("caller", [None, GUEST])
async def test_one_statement_for_each_relationship_and_level(
    library: Library, statements: list[str], caller: Caller | None
) -> None:
    for table_id in ("books", "authors", "tags"):
        await library.table(table_id, 'read("any")' if table_id != "tags" else "", row_security=True)
    await library.relate("books", "authors", "manyToOne", "author", back="books")
    await library.relate("books", "tags", "manyToMany", "tags", back="books")
    for number in range(5):
        tags = [{"$id": f"t{number}{each}", "$permissions": ['read("any")']} for each in range(3)]
        author = {"$id": f"a{number % 2}"}
        await library.create("books", f"b{number}", author=author, tags=tags)
    selection = select("*", "author.*", "author.books.tags.*", "tags.*")
    counts = []
    for limit in (1, 5):
        del statements[:]
        call = {} if caller is None else {"caller": caller}
        found = await library.find("books", selection, query("limit", "", limit), **call)
        assert len(found["rows"]) == limit
        assert len(found["rows"][0]["author"]["books"][0]["tags"]) == 3
        counts.append(sum("json_each" in text for text in statements))
    assert counts == [4, 4]


async def test_relationships_cost_nothing_where_nothing_is_asked_of_them(
    library: Library, statements: list[str]
) -> None:
    await library.table("a", row_security=True)
    await library.table("b", row_security=True)
    await library.relate("b", "b", "manyToOne", "to")
    await library.relate("b", "b", "manyToMany", "pairs")
    counts: dict[str, list[int]] = {"a": [], "b": []}
    for table_id in ("a", "b"):
        await library.create(table_id, "warm")
        for work in (
            library.create(table_id, "r", name="x"),
            library.get(table_id, "r"),
            library.find(table_id),
            library.update(table_id, "r", name="y"),
            *([library.delete("a", "r")] if table_id == "a" else []),
        ):
            del statements[:]
            await work
            counts[table_id].append(len(statements))
            assert not any("json_each" in text or "p2" in text for text in statements)
            assert table_id == "b" or not any("r1" in text for text in statements)
    assert counts["a"][:4] == counts["b"]
