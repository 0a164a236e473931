"""How SQLite finds documents: by an index on their members wherever there is one."""

from __future__ import annotations

import pytest

from tests.services.documents.library import Library, query
from tidewire.store.user_tables.access import Access


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        ([query("equal", "a", 1)], "SEARCH t1 USING INDEX t1_i1 (<expr>=?)"),
        ([query("equal", "a", 1, 2)], "SEARCH t1 USING INDEX t1_i1 (<expr>=?)"),
        ([query("equal", "a", "x")], "SEARCH t1 USING INDEX t1_i1 (<expr>=?)"),
        ([query("greaterThan", "a", 1)], "SEARCH t1 USING INDEX t1_i1 (<expr>>? AND <expr><?)"),
        ([query("lessThan", "a", "x")], "SEARCH t1 USING INDEX t1_i1 (<expr>>? AND <expr><?)"),
        ([query("between", "a", 1, 2)], "SEARCH t1 USING INDEX t1_i1 (<expr>>? AND <expr><?)"),
        ([query("startsWith", "a", "x")], "SEARCH t1 USING INDEX t1_i1 (<expr>>? AND <expr><?)"),
        ([query("isNull", "a")], "SEARCH t1 USING INDEX t1_i1 (<expr>=?)"),
        ([query("orderAsc", "a")], "SCAN t1 USING INDEX t1_i1"),
        ([query("orderDesc", "a")], "SCAN t1 USING INDEX t1_i1"),
        ([query("orderAsc", "a"), query("cursorAfter", "", "x")], "SEARCH t1 USING INDEX t1_i1"),
        ([query("equal", "b.c", 1), query("orderDesc", "a")], "SEARCH t1 USING INDEX t1_i2 (<expr>=?)"),
        ([query("equal", "mail", "x")], "SEARCH t1 USING INDEX t1_i3 (<expr>=?)"),
        ([query("search", "w", "tide")], "SCAN t1_i4 VIRTUAL TABLE INDEX"),
        ([query("equal", "$id", "x")], "USING INDEX sqlite_autoindex_t1_1"),
        ([query("equal", "other", 1)], "SCAN t1"),
    ],
)
async def test_indexes_are_used(library: Library, queries: list[str], expected: str) -> None:
    await library.collection()
    await library.index("key", "a")
    await library.index("key", "b.c", "a", orders=["asc", "desc"])
    await library.index("unique", "mail")
    await library.index("fulltext", "w")
    explained = await library.plan(*queries)
    assert expected in explained
    if any("order" in each for each in queries):
        assert "USE TEMP B-TREE FOR ORDER BY" not in explained


async def test_documents_of_few_readers_are_found_by_their_permissions(library: Library) -> None:
    await library.collection(security=True)
    access = Access(["any", "user:ann", "users"])
    access.few = True
    explained = await library.plan(query("equal", "a", 1), access=access)
    assert "SEARCH t1 USING INTEGER PRIMARY KEY" in explained
    assert "SEARCH t1_readers USING PRIMARY KEY (role=?)" in explained
