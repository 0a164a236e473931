"""Random tables, relationships and requests, done to the database and to the model alike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, get_args

from hypothesis import assume
from hypothesis import strategies as st

from tests.services.databases.library import Library, select
from tests.services.databases.relationship_oracle import Model, RefusedError, Relationship
from tests.services.databases.shop import Json, query, refusal
from tests.services.world import KEY
from tidewire.core.relationships import OnDelete, RelationType, Side, holds_many

TABLES = ["a", "b", "c"]
IDS = st.sampled_from(["1", "2", "3", "4"])
NAMES = st.sampled_from([None, "x", "y"])
PAGE = query("limit", "", 100)


@st.composite
def schemas(draw: st.DrawFn) -> list[Relationship]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        keys: dict[Side, str] = {"parent": f"r{number}", "child": f"back{number}"}
        found.append(
            Relationship(
                draw(st.sampled_from(TABLES)),
                draw(st.sampled_from(TABLES)),
                draw(st.sampled_from(get_args(RelationType))),
                draw(st.sampled_from(get_args(OnDelete))),
                draw(st.booleans()),
                keys,
            )
        )
    return found


@st.composite
def rows(
    draw: st.DrawFn, model: Model, table: str, levels: int = 2, origin: Relationship | None = None
) -> Json:
    """A row as it may be given; nested ones say nothing of what they are nested by."""
    data: Json = {"name": draw(NAMES)} if draw(st.booleans()) else {}
    for key, (relationship, side) in model.shown(table).items():
        if relationship is origin or not draw(st.booleans()):
            continue
        other = relationship.table("child" if side == "parent" else "parent")
        nested = rows(model, other, levels - 1, relationship) if levels else st.nothing()
        item = IDS | st.builds(lambda row_id, row: {"$id": row_id, **row}, IDS, nested)
        many = holds_many(relationship.type, side)
        data[key] = draw(st.lists(item, max_size=3 if many else 1, unique_by=_id_of))
    return data


def _id_of(item: Any) -> str:
    return item if isinstance(item, str) else str(item["$id"])


def as_given(model: Model, table: str, data: Json) -> Json:
    """The same row on the wire, where a single related row is in no list."""
    shown = model.shown(table)
    given = dict(data)
    for key, items in data.items():
        if key not in shown:
            continue
        relationship, side = shown[key]
        other = relationship.table("child" if side == "parent" else "parent")
        wire: list[Any] = [item if isinstance(item, str) else as_given(model, other, item) for item in items]
        given[key] = wire if holds_many(relationship.type, side) else (wire or [None])[0]
    return given


def nests(model: Model, table: str, data: Json, place: tuple[str, str]) -> bool:
    """Whether a whole row with the table and id of ``place`` stands somewhere inside ``data``."""
    shown = model.shown(table)
    for key in data.keys() & shown.keys():
        relationship, side = shown[key]
        other = relationship.table("child" if side == "parent" else "parent")
        for item in data[key]:
            if isinstance(item, dict) and ((other, item["$id"]) == place or nests(model, other, item, place)):
                return True
    return False


async def make(library: Library, model: Model) -> None:
    for table in TABLES:
        await library.table(table)
    for each in model.relationships:
        back = each.keys["child"] if each.two_way else None
        await library.relate(
            each.parent, each.child, each.type, each.keys["parent"], back=back, on_delete=each.on_delete
        )


async def request(library: Library, model: Model, data: st.DataObject) -> Model:
    """Do the same with both; the model afterwards."""
    table = data.draw(st.sampled_from(TABLES), "table")
    row_id = data.draw(IDS, "row")
    method = data.draw(st.sampled_from(["create", "upsert", "upsert", "update", "delete"]), "method")
    after = copy.deepcopy(model)
    exists = (table, row_id) in model.names
    if method == "create" and exists and library.transaction is not None:
        method = "update"  # whether an id is free is for the commit to say
    expected = ""
    try:
        if method == "delete":
            if not exists:
                raise RefusedError("row_not_found")
            after.delete(table, row_id)
            work = library.delete(table, row_id)
        else:
            row = data.draw(rows(model, table), "data")
            # A whole new row cannot stand in itself: that is refused as a duplicate.
            assume(exists or not nests(model, table, row, (table, row_id)))
            wire = as_given(model, table, row)
            work = getattr(library, method)(table, row_id, KEY, **wire)
            if method == "update" and not exists:
                raise RefusedError("row_not_found" if wire else "row_missing_payload")
            if method == "update" and not wire:
                raise RefusedError("row_missing_payload")
            if method == "upsert" and not wire and library.transaction is None:
                raise RefusedError("row_missing_payload")
            after.write(table, row_id, row, new=method == "create")
    except RefusedError as error:
        expected = str(error)
        if method == "delete":
            work = library.delete(table, row_id)
    assert await refusal(work) == expected
    return model if expected else after


async def compare(library: Library, model: Model) -> None:
    for table in TABLES:
        shown = model.shown(table)
        wanted = ["$id", "name", *(f"{key}.name" for key in shown), *(f"{key}.$id" for key in shown)]
        listed = (await library.find(table, select(*wanted), PAGE))["rows"]
        assert {row["$id"] for row in listed} == {row_id for place, row_id in model.names if place == table}
        for row in listed:
            assert row["name"] == model.names[table, row["$id"]]
            for key, (relationship, side) in shown.items():
                assert _found(row[key]) == _expected(model, relationship, side, row["$id"])
        for key, (relationship, side) in shown.items():
            await _compare_filters(library, model, table, key, relationship, side)


async def _compare_filters(
    library: Library, model: Model, table: str, key: str, relationship: Relationship, side: Side
) -> None:
    here = [row_id for place, row_id in model.names if place == table]
    related = {row_id: _expected(model, relationship, side, row_id) for row_id in here}
    cases: list[tuple[str, Callable[[dict[str, str | None]], bool]]] = [
        (query("equal", f"{key}.name", "x"), lambda found: "x" in found.values()),
        (query("isNull", key), lambda found: not found),
        (query("equal", key, "1", "2"), lambda found: bool({"1", "2"} & found.keys())),
        (query("notEqual", f"{key}.name", "x"), lambda found: "y" in found.values()),
    ]
    for filter_, fits in cases:
        assert set(await library.ids(table, filter_, PAGE)) == {
            row_id for row_id, found in related.items() if fits(found)
        }, filter_


def _found(value: Any) -> dict[str, Any]:
    """Ids and names of related rows as they are shown."""
    values = value if isinstance(value, list) else [value] if value else []
    return {row["$id"]: row["name"] for row in values}


def _expected(model: Model, relationship: Relationship, side: Side, row_id: str) -> dict[str, str | None]:
    other = relationship.table("child" if side == "parent" else "parent")
    return {partner: model.names[other, partner] for partner in relationship.partners(side, row_id)}
