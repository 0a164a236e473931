"""Transactions against a model in plain Python: random steps of two transactions and of others meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.databases.sales import Sales
from tests.services.databases.shop import Shop, column, refusal
from tests.services.world import World
from tidewire.services.databases import counting

IDS = ("a", "b", "c")
View = dict[str, int]


def perform(rows: View, operation: tuple[str, str, int]) -> str:
    """Do an operation to rows as they should be; what it is refused for, if anything."""
    action, row_id, value = operation
    if action == "create":
        if row_id in rows:
            return "taken"
        rows[row_id] = value
        return ""
    if row_id not in rows:
        return "document_not_found"
    if action == "delete":
        del rows[row_id]
    else:
        rows[row_id] = value + (rows[row_id] if action == "increment" else 0)
    return ""


@dataclass
class Model:
    """What the tables hold, and how often each row was written."""

    rows: View = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def write(self, operation: tuple[str, str, int]) -> str:
        refused = perform(self.rows, operation)
        if not refused:
            self.versions[operation[1]] = self.versions.get(operation[1], 0) + 1
        return refused


@dataclass
class Staged:
    """A transaction of the model."""

    id: str
    operations: list[tuple[str, str, int]] = field(default_factory=list)
    staged: dict[str, int | None] = field(default_factory=dict)
    """What the rows that it changed are to be; None: deleted."""
    forgotten: bool = False
    """Whether what is staged has to be done again, on the rows as they are at the next use."""
    seen: dict[str, int] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def view(self, model: Model) -> View:
        if self.forgotten:
            self.forgotten = False
            self.staged = {}
            for operation in self.operations:
                self.do(model, operation)
        rows = {**model.rows, **self.staged}
        return {row_id: value for row_id, value in rows.items() if value is not None}

    def do(self, model: Model, operation: tuple[str, str, int]) -> str:
        view = self.view(model)
        refused = perform(view, operation)
        if not refused:
            self.staged[operation[1]] = view.get(operation[1])
        return refused

    def touch(self, model: Model, row_id: str) -> None:
        self.seen.setdefault(row_id, model.versions.get(row_id, 0))

    def stage(self, model: Model, operation: tuple[str, str, int]) -> str:
        if self.do(model, operation) == "document_not_found":
            return "document_not_found"
        self.operations.append(operation)
        self.touch(model, operation[1])
        if operation[0] != "increment":
            self.written.add(operation[1])
        return ""

    def commit(self, model: Model) -> str:
        there = self.written & model.rows.keys()
        if any(self.seen[row_id] != model.versions.get(row_id, 0) for row_id in there):
            return "transaction_conflict"
        trial = dict(model.rows)
        for operation in self.operations:
            if refused := perform(trial, operation):
                return "transaction_conflict" if refused == "taken" else refused
        for operation in self.operations:
            assert model.write(operation) == ""
        return ""


OPERATIONS = st.tuples(st.sampled_from(["create", "update", "increment", "delete"]), st.sampled_from(IDS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("others"), st.just(0), OPERATIONS),
        st.tuples(st.just("stage"), st.integers(0, 1), OPERATIONS),
        st.tuples(
            st.sampled_from(["list", "get", "forget", "commit", "rollback"]), st.integers(0, 1), OPERATIONS
        ),
    ),
    min_size=3,
    max_size=25,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_random_steps(tmp_path_factory: Any, steps: list[Any]) -> None:
    world = await World.open(tmp_path_factory.mktemp("transactions"))
    try:
        shop = await Shop.open(world)
        await shop.table([column("name", "varchar"), column("count", "integer")])
        await _play(Sales(shop), steps)
    finally:
        await world.close()


async def _play(sales: Sales, steps: list[Any]) -> None:
    model = Model()
    open_ones = [Staged(await sales.begin()), Staged(await sales.begin())]
    told = 0
    # Every value is another one, so that no change looks like none.
    for number, (step, which, (action, row_id)) in enumerate(steps, start=1000):
        staged, operation = open_ones[which], (action, row_id, number)
        if step == "others":
            expected = model.write(operation)
            assert bool(await _write(sales, operation)) == bool(expected)
            told += not expected
        elif step == "stage":
            expected = staged.stage(model, operation)
            assert await refusal(sales.stage(staged.id, _on_the_wire(operation))) == expected
        elif step == "list":
            view = staged.view(model)
            assert await sales.listed(staged.id) == {key: (None, value) for key, value in view.items()}
            for seen in view:
                staged.touch(model, seen)
        elif step == "get":
            view = staged.view(model)
            expected = "" if row_id in view else "row_not_found"
            assert await refusal(sales.row(row_id, staged.id)) == expected
            if not expected:
                staged.touch(model, row_id)
        elif step == "forget":
            # As if the next request came to another process.
            sales.shop.world.database.staging.forget(staged.id)
            staged.forgotten = True
        else:
            expected = staged.commit(model) if step == "commit" else ""
            assert await refusal(sales.end(staged.id, step)) == expected
            told += len(staged.operations) if step == "commit" and not expected else 0
            open_ones[which] = Staged(await sales.begin())
        assert await sales.listed() == {key: (None, value) for key, value in model.rows.items()}
    assert len(await sales.shop.row_events()) == told


def _on_the_wire(operation: tuple[str, str, int]) -> dict[str, Any]:
    action, row_id, value = operation
    data = {"column": "count", "value": value} if action == "increment" else {"count": value}
    return {"action": action, "rowId": row_id, "data": data}


async def _write(sales: Sales, operation: tuple[str, str, int]) -> str:
    """Do an operation at once, as others do."""
    shop, (action, row_id, value) = sales.shop, operation
    if action == "create":
        return await refusal(shop.create(row_id, count=value))
    if action == "delete":
        return await refusal(shop.delete(row_id))
    if action == "update":
        return await refusal(shop.update(row_id, count=value))
    call = shop.call()
    return await refusal(counting.increment_row_column(call, "d", "t", row_id, "count", value))
