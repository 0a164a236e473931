"""Long work is done one piece at a time, callers in turns; and of what is the same for all little is kept."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString
from tidewire.core.errors import TidewireError
from tidewire.graphql.documents import Documents
from tidewire.graphql.fair_thread import FairThread
from tidewire.graphql.introspection import KEPT, Introspection
from tidewire.graphql.query import Query
from tidewire.settings import Settings
from tidewire.store.engine.reading import Share, present_share

T = TypeVar("T")


class Counted(FairThread):
    """Counts what was done."""

    done = 0

    async def run(self, work: Callable[[], T]) -> T:
        self.done += 1
        return await super().run(work)


@pytest.fixture
async def thread() -> AsyncIterator[Counted]:
    made = Counted()
    yield made
    made.close()


def begin(thread: FairThread, share: Share, work: Callable[[], T]) -> asyncio.Task[T]:
    """Have work done for a caller."""
    context = contextvars.copy_context()
    context.run(present_share.set, share)
    return asyncio.get_running_loop().create_task(thread.run(work), context=context)


async def test_who_asks_for_much_waits_behind_themselves(thread: Counted) -> None:
    many = Share("guest/many", 2, 5.0, waiting=3, guest=True)
    release, order = threading.Event(), list[str]()

    def first() -> None:
        release.wait(30)
        order.append("first")

    running = [begin(thread, many, first)]
    running += [begin(thread, many, lambda: order.append("many")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TidewireError) as refused:
        await begin(thread, many, lambda: None)
    assert refused.value.type == "general_server_busy"
    running.append(begin(thread, Share("user/other", 2, 5.0), lambda: order.append("other")))
    await asyncio.sleep(0)
    assert not order, "one at a time"
    release.set()
    await asyncio.gather(*running)
    assert order == ["first", "other", "many", "many", "many"]


async def test_few_answers_to_introspection_are_kept(thread: Counted) -> None:
    schema = GraphQLSchema(GraphQLObjectType("Query", {"status": GraphQLField(GraphQLString)}))
    documents = Documents(schema, Settings(), thread)
    introspection = Introspection(schema, thread)

    async def ask(number: int) -> int:
        """How much was to be done."""
        document = await documents.document(f"query q{number} {{ __schema {{ queryType {{ name }} }} }}")
        before = thread.done
        answer = await introspection.answer(document, document.operation(""), Query(document.text))
        assert bytes(answer) == b'{"data":{"__schema":{"queryType":{"name":"Query"}}}}'
        return thread.done - before

    assert [await ask(number) for number in range(KEPT + 1)] == [1] * (KEPT + 1)
    assert [await ask(number) for number in range(1, KEPT + 1)] == [0] * KEPT
    assert await ask(0) == 1
    assert await ask(1) == 1, "what was asked for longest ago is forgotten first"
