"""Answers to introspection, which take a third of a second, and are always the same."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import msgspec

from graphql import ExecutionResult, GraphQLSchema, OperationDefinitionNode, execute
from tidewire.graphql.answers import told_answer
from tidewire.graphql.documents import Document, name_of
from tidewire.graphql.fair_thread import FairThread
from tidewire.graphql.query import Query

KEPT: Final = 4
"""Answers that are kept. Tools send the same few queries; an answer has more than half a megabyte."""


class Introspection:
    """Answers operations that ask for the schema, and for nothing else."""

    def __init__(self, schema: GraphQLSchema, thread: FairThread) -> None:
        self._schema = schema
        self._thread = thread
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def answer(
        self, document: Document, operation: OperationDefinitionNode, query: Query
    ) -> msgspec.Raw:
        """The whole answer as JSON. One with variables is not kept."""
        key = (document.text, name_of(operation))
        known = self._kept.get(key)
        if known is None:
            known = await self._thread.run(lambda: self._answered(document, query))
            if not operation.variable_definitions:
                self._kept[key] = known
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        elif key in self._kept:
            self._kept.move_to_end(key)
        return msgspec.Raw(known)

    def _answered(self, document: Document, query: Query) -> bytes:
        result: Any = execute(
            self._schema,
            document.node,
            variable_values=query.variables,
            operation_name=query.operation_name or None,
        )
        assert isinstance(result, ExecutionResult)
        return msgspec.json.encode(told_answer(result))
