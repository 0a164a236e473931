"""Rows and relationships against the model: random tables, relationships and requests."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.databases.examples import SAME_EACH_TIME, in_a_world
from tests.services.databases.library import Library
from tests.services.databases.random_relationships import compare, make, request, schemas
from tests.services.databases.relationship_oracle import Model
from tests.services.databases.shop import Shop
from tests.services.world import World


@settings(SAME_EACH_TIME, max_examples=30)
@given(st.data())
def test_random_requests(data: st.DataObject) -> None:
    async def play(world: World) -> None:
        library = Library(await Shop.open(world))
        model = Model(data.draw(schemas(), "relationships"))
        await make(library, model)
        for _ in range(data.draw(st.integers(1, 8), "requests")):
            model = await request(library, model, data)
            await compare(library, model)

    in_a_world(play)
