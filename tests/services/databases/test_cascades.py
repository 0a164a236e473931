"""What the deletion of a row does to those related to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.databases.library import Library, select
from tests.services.databases.shop import column, query, refusal
from tests.services.world import KEY
from tidewire.core.relationships import OnDelete, RelationType
from tidewire.services.databases import bulk, cascades
from tidewire.settings import Settings


async def related_rows(
    library: Library, relation_type: RelationType, on_delete: OnDelete, *, two_way: bool = True
) -> None:
    """The rows a of table a and b of table b, related, and one of each that is not."""
    await library.table("a")
    await library.table("b")
    back = "back" if two_way else None
    await library.relate("a", "b", relation_type, "to", back=back, on_delete=on_delete)
    many = relation_type in {"oneToMany", "manyToMany"}
    await library.create("b", "b")
    await library.create("a", "a", to=["b"] if many else "b")
    for table_id in ("a", "b"):
        await library.create(table_id, "other")


@pytest.mark.parametrize("two_way", [True, False])
@pytest.mark.parametrize(
    ("relation_type", "on_delete", "deleted", "outcome"),
    [
        ("oneToOne", "restrict", "a", "refused"),
        ("oneToOne", "restrict", "b", "unlinked"),
        ("oneToOne", "setNull", "a", "unchanged"),
        ("oneToOne", "setNull", "b", "unlinked"),
        ("oneToOne", "cascade", "a", "deleted"),
        ("oneToOne", "cascade", "b", "deleted if it shows"),
        ("oneToMany", "restrict", "a", "refused"),
        ("oneToMany", "restrict", "b", "unchanged"),
        ("oneToMany", "setNull", "a", "unlinked"),
        ("oneToMany", "setNull", "b", "unchanged"),
        ("oneToMany", "cascade", "a", "deleted"),
        ("oneToMany", "cascade", "b", "unchanged"),
        ("manyToOne", "restrict", "a", "unchanged"),
        ("manyToOne", "restrict", "b", "refused"),
        ("manyToOne", "setNull", "a", "unchanged"),
        ("manyToOne", "setNull", "b", "unlinked"),
        ("manyToOne", "cascade", "a", "unchanged"),
        ("manyToOne", "cascade", "b", "deleted"),
        ("manyToMany", "restrict", "a", "refused"),
        ("manyToMany", "restrict", "b", "unchanged"),
        ("manyToMany", "setNull", "a", "unchanged"),
        ("manyToMany", "setNull", "b", "unchanged"),
        ("manyToMany", "cascade", "a", "deleted"),
        ("manyToMany", "cascade", "b", "unchanged"),
    ],
)
async def test_rules(
    library: Library,
    relation_type: RelationType,
    on_delete: OnDelete,
    deleted: str,
    outcome: str,
    two_way: bool,
) -> None:
    await related_rows(library, relation_type, on_delete, two_way=two_way)
    if outcome == "deleted if it shows":
        outcome = "deleted" if two_way else "unlinked"
    other = {"a": "b", "b": "a"}[deleted]
    before = len(await library.happened())
    assert await refusal(library.delete(deleted, deleted)) == (
        "row_delete_restricted" if outcome == "refused" else ""
    )
    told = (await library.happened())[before:]
    expected = {
        "refused": [],
        "unchanged": [f"{deleted}.{deleted}.delete"],
        "unlinked": [f"{deleted}.{deleted}.delete", f"{other}.{other}.update"],
        "deleted": [f"{deleted}.{deleted}.delete", f"{other}.{other}.delete"],
    }
    assert told == expected[outcome]
    left = {table_id: await library.ids(table_id) for table_id in ("a", "b")}
    assert ("a" if deleted == "a" else "b") not in left[deleted] or outcome == "refused"
    assert (other in left[other]) == (outcome != "deleted")
    assert "other" in left["a"]
    assert "other" in left["b"]
    if outcome not in {"refused", "deleted"} and (other == "a" or two_way):
        key = "to" if other == "a" else "back"
        assert not await library.related(other, other, key)


async def test_circles_end(library: Library) -> None:
    await library.table("t")
    await library.relate("t", "t", "manyToOne", "up", back="down", on_delete="cascade")
    await library.create("t", "first")
    await library.create("t", "second", up="first")
    await library.create("t", "third", up="second", down=["first"])
    await library.delete("t", "second")
    assert await library.ids("t") == []
    await library.relate("t", "t", "manyToMany", "friends", on_delete="restrict")
    await library.create("t", "self", up=None)
    await library.update("t", "self", up="self", friends=["self"])
    await library.delete("t", "self")
    assert await library.ids("t") == []


async def test_a_refusal_far_away_undoes_everything(library: Library) -> None:
    for table_id in ("a", "b", "c"):
        await library.table(table_id)
    await library.relate("a", "b", "oneToMany", "bs", on_delete="cascade")
    await library.relate("b", "c", "oneToMany", "cs", on_delete="restrict")
    await library.create("a", "a", bs=[{"$id": "b1"}, {"$id": "b2", "cs": [{"$id": "c"}]}])
    before = await library.happened()
    assert await refusal(library.delete("a", "a")) == "row_delete_restricted"
    assert await library.happened() == before
    assert await library.ids("b") == ["b1", "b2"]


async def test_many_rows_go_in_steps_and_too_many_are_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascades, "STEP_ROWS", 7)
    await library.table("a")
    await library.table("b")
    await library.relate("a", "b", "oneToMany", "bs", back="a", on_delete="cascade")
    await library.create("a", "a")
    rows: list[dict[str, Any]] = [{"$id": f"b{number}", "a": "a"} for number in range(50)]
    await bulk.create_rows(library.shop.call(), "d", "b", rows)
    library.shop.world.settings = replace_limit(50)
    assert await refusal(library.delete("a", "a")) == "general_bad_request"
    assert len(await library.ids("b", query("limit", "", 100))) == 50
    library.shop.world.settings = replace_limit(51)
    await library.delete("a", "a")
    assert await library.ids("b") == []
    assert sum(each.endswith(".delete") for each in await library.happened()) == 51


def replace_limit(cascade_rows_max: int) -> Settings:
    """Settings with a limit."""
    return Settings(cascade_rows_max=cascade_rows_max)


async def test_an_answer_shows_a_bounded_number_of_rows(library: Library) -> None:
    await library.table("a")
    await library.table("b")
    await library.relate("a", "b", "manyToOne", "b", back="as")
    await library.create("b", "b")
    rows: list[dict[str, Any]] = [{"$id": f"a{number}", "b": "b"} for number in range(12)]
    await bulk.create_rows(library.shop.call(), "d", "a", rows)
    library.shop.world.settings = Settings(related_rows_max=12)
    assert len((await library.get("b", "b", "as.*"))["as"]) == 12
    assert (await library.find("a", select("$id", "b.*")))["total"] == 12
    # The same rows, shown again and again.
    assert await refusal(library.find("a", select("b.as.*"))) == "general_query_invalid"
    library.shop.world.settings = Settings(related_rows_max=11)
    assert await refusal(library.get("b", "b", "as.*")) == "general_query_invalid"
    too_many = [f"a{number}" for number in range(12)]
    assert await refusal(library.update("b", "b", KEY, **{"as": too_many})) == "relationship_value_invalid"
    nested: list[dict[str, Any]] = [{"$id": "a0", "b": {"as": too_many[1:]}}]
    assert await refusal(library.create("b", "c", KEY, **{"as": nested})) == ""
    nested = [{"$id": f"new{number}", "n": number} for number in range(5)]
    more: list[dict[str, Any]] = [
        {"$id": "x", "b": {"$id": "d", "as": nested}},
        {"$id": "y", "b": {"$id": "e", "as": nested}},
    ]
    await library.relate("b", "a", "manyToMany", "more")
    assert await refusal(library.create("b", "f", more=more)) == "relationship_value_invalid"
    assert await refusal(library.get("b", "d")) == "row_not_found"
    assert await refusal(library.create("b", "f", more=more[:1])) == ""


async def test_an_answer_shows_a_bounded_number_of_bytes(library: Library) -> None:
    await library.table("a")
    await library.shop.table([column("text", "longtext")], table_id="b")
    await library.relate("a", "b", "manyToOne", "b", back="as")
    rows: list[dict[str, Any]] = [{"$id": f"b{number}", "text": "x" * 500} for number in range(10)]
    await bulk.create_rows(library.shop.call(), "d", "b", rows)
    rows = [{"$id": f"a{number}", "b": "b0"} for number in range(10)]
    await bulk.create_rows(library.shop.call(), "d", "a", rows)
    library.shop.world.settings = Settings(list_bytes_max=6000)
    assert await refusal(library.find("b")) == "general_query_invalid"
    assert len((await library.find("b", query("limit", "", 5)))["rows"]) == 5
    assert len((await library.find("b", select("$id")))["rows"]) == 10
    # One row, shown again and again.
    assert await refusal(library.find("a", select("b.*"))) == "general_query_invalid"
    assert await refusal(library.get("a", "a0", "b.as.b.*")) == "general_query_invalid"
    assert (await library.get("a", "a0", "b.*"))["b"]["text"] == "x" * 500


async def test_bulk_operations_follow_the_rules_too(library: Library) -> None:
    await related_rows(library, "oneToMany", "cascade")
    call = library.shop.call()
    await bulk.update_rows(call, "d", "b", {"back": "other"}, [query("equal", "back.$id", "a")])
    assert await library.related("a", "other", "to") == ["b"]
    await bulk.upsert_rows(call, "d", "a", [{"$id": "other", "to": ["b", {"$id": "new"}]}])
    assert await library.related("a", "other", "to") == ["b", "new"]
    await bulk.delete_rows(call, "d", "a", [query("equal", "$id", "other")])
    assert await library.ids("b") == ["other"]
