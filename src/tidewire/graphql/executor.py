"""graphql-core's executor, with a short way for fields of models: they are read at once."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from graphql.execution import Executor
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet
from graphql.pyutils import AwaitableOrValue, Path

from graphql import GraphQLBoolean, GraphQLObjectType, GraphQLResolveInfo, GraphQLString
from tidewire.graphql.answers import Reader
from tidewire.graphql.fixed_parts import FixedParts
from tidewire.graphql.scalars import INT

_AS_IT_IS = {str: GraphQLString, bool: GraphQLBoolean, int: INT}
"""The scalars that values of these types are written as without more ado."""


class FieldReader:
    """The resolver of a field of a model."""

    __slots__ = ("read",)

    def __init__(self, read: Reader) -> None:
        self.read = read

    def __call__(self, source: Any, _info: GraphQLResolveInfo[Any]) -> Any:
        return self.read(source)


class Performer(Protocol):
    """What a request hands to the resolvers, as the context of its execution."""

    @property
    def fixed(self) -> FixedParts:
        """What is kept of the document that is executed."""
        ...

    def perform(self, operation: str, given: dict[str, Any], info: GraphQLResolveInfo[Any]) -> Awaitable[Any]:
        """The answer of an operation of the API, called with the arguments of a field."""
        ...


class OperationResolver:
    """The resolver of a field that calls an operation."""

    __slots__ = ("operation",)

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def __call__(self, _source: Any, info: GraphQLResolveInfo[Any], /, **given: Any) -> Awaitable[Any]:
        performer: Performer = info.context
        return performer.perform(self.operation, given, info)


class ModelExecutor(Executor[Any]):
    """Executes queries. What is not a plain field of a model takes the usual way.

    What is the same each time that a document is executed is taken from what is kept of it.
    """

    context_value: Performer

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        node = field_details_list[0].node
        field = parent_type.fields.get(node.name.value)
        resolver = field.resolve if field is not None else None
        if field is not None and type(resolver) is OperationResolver:
            arguments = self.context_value.fixed.arguments(field, node)
            if arguments is not None:
                nodes = [each.node for each in field_details_list]
                info = self.build_resolve_info(field, nodes, parent_type, path)
                answer = self.context_value.perform(resolver.operation, {**arguments}, info)
                return self.complete_awaitable_value(
                    field.type, field_details_list, info, path, answer, position_context
                )
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        if len(field_details_list) > 1:
            return super().collect_subfields(return_type, field_details_list)
        node, fixed = field_details_list[0].node, self.context_value.fixed
        found = fixed.selection(return_type, node)
        if found is None:
            found = super().collect_subfields(return_type, field_details_list)
            fixed.keep_selection(return_type, node, found)
        return found

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        if path is None:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        results: dict[str, Any] = {}
        for name, details in grouped_field_set.items():
            field = parent_type.fields.get(details[0].node.name.value)
            resolver = field.resolve if field is not None else None
            if field is not None and type(resolver) is FieldReader:
                value = resolver.read(source_value)
                if value is None or field.type is _AS_IT_IS.get(type(value)):
                    results[name] = value
                    continue
            field_path = Path(path, name, parent_type.name)
            results[name] = self.execute_field(
                parent_type, source_value, details, field_path, position_context
            )
        return results
