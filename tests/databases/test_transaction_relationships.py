"""Relationships within transactions: against the model, and as a way to break in."""

from __future__ import annotations

import asyncio
import copy
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases.library import Library
from tests.databases.relationship_oracle import Model
from tests.databases.shop import Shop
from tests.databases.test_relationship_oracle import compare, make, request, schemas
from tests.databases.test_transactions import Sales
from tests.services.world import World


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(st.data())
def test_random_requests_within_a_transaction(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_play(Path(directory), data))


async def _play(directory: Path, data: st.DataObject) -> None:
    world = await World.open(directory)
    try:
        library = Library(await Shop.open(world))
        before = Model(data.draw(schemas(), "relationships"))
        await make(library, before)
        for _ in range(data.draw(st.integers(0, 3), "requests before")):
            before = await request(library, before, data)
        sales = Sales(library.shop)
        transaction = await sales.begin()
        within, model = replace(library, transaction=transaction), copy.deepcopy(before)
        for _ in range(data.draw(st.integers(1, 6), "requests within")):
            model = await request(within, model, data)
            if data.draw(st.booleans(), "another process"):
                world.database.shadows.forget(transaction)
            await compare(within, model)
        await compare(library, before)
        assert (await sales.end(transaction))["status"] == "committed"
        await compare(library, model)
    finally:
        await world.close()
