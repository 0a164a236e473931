"""graphql-core's executor, with a short way for fields of models: they are read at once."""

from __future__ import annotations

from typing import Any

from graphql.execution import Executor
from graphql.execution.collect_fields import GroupedFieldSet
from graphql.pyutils import AwaitableOrValue, Path

from graphql import GraphQLBoolean, GraphQLObjectType, GraphQLResolveInfo, GraphQLString
from tidewire.graphql.answers import Reader
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


class ModelExecutor(Executor[Any]):
    """Executes queries. What is not a plain field of a model takes the usual way."""

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
