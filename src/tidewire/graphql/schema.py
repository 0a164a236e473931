"""The schema: a field for each operation of the registry, with its parameters and its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
)
from tidewire.core.checks.lists import Items, JsonObject, JsonOrText
from tidewire.core.models.base import Page
from tidewire.core.operations import Operation
from tidewire.core.parameters import Check, Parameter
from tidewire.graphql.executor import OperationResolver
from tidewire.graphql.limits import LISTS
from tidewire.graphql.scalars import ASSOC, INPUT_FILE, INT, JSON
from tidewire.graphql.types import ModelTypes

_SCALARS: Final[Mapping[str, GraphQLScalarType]] = {
    "boolean": GraphQLBoolean,
    "integer": INT,
    "number": GraphQLFloat,
    "string": GraphQLString,
    "file": INPUT_FILE,
}


_OLDER_NAMES: Final = {
    "account.createEmailVerification": "account.createVerification",
    "account.updateEmailVerification": "account.updateVerification",
}
_ACRONYM: Final = re.compile("MFA|FCM|APNS|SMTP|SMS")
"""Words that older names write as other words: ``createFcmProvider``."""


def build(operations: Iterable[Operation], subscription: GraphQLObjectType | None = None) -> GraphQLSchema:
    """The schema of these operations.

    Those that read are fields of ``Query``, all others of ``Mutation``, named ``tablesDBGetRow``. The fields
    of ``subscription`` bring their own resolvers. Takes about a fifth of a second.
    """
    types = ModelTypes()
    roots: dict[str, dict[str, GraphQLField]] = {"Query": {}, "Mutation": {}}
    for operation in operations:
        if operation.kind == "redirect":  # which is for browsers that follow a link
            continue
        root = roots["Query" if operation.method == "GET" else "Mutation"]
        root[field_of(operation.name)] = _field(operation, types)
        older = _older_name(operation.name)
        if older:
            root[field_of(older)] = _field(operation, types, f"Use {field_of(operation.name)}.")
    query, mutation = (
        GraphQLObjectType(name, dict(sorted(fields.items()))) for name, fields in roots.items()
    )
    return GraphQLSchema(query, mutation, subscription, types.all())


def _field(operation: Operation, types: ModelTypes, deprecated: str | None = None) -> GraphQLField:
    return GraphQLField(
        types.answer(operation.models),
        {parameter.name: _argument(parameter) for parameter in operation.parameters},
        OperationResolver(operation.name),
        description=operation.summary,
        deprecation_reason=deprecated,
        extensions={LISTS: True} if _lists(operation) else None,
    )


def _older_name(operation: str) -> str:
    """The name that SDKs before 1.8 know an operation by; empty if it is the same."""
    known = _OLDER_NAMES.get(operation)
    if known is not None:
        return known
    older = _ACRONYM.sub(lambda found: found[0].capitalize(), operation)
    return older if older != operation else ""


def field_of(operation: str) -> str:
    """``tablesDB.getRow`` to ``tablesDBGetRow``."""
    service, _, name = operation.partition(".")
    return service + name[0].upper() + name[1:]


def _lists(operation: Operation) -> bool:
    """Whether an operation shows as many entries as its queries say."""
    queried = any(parameter.name == "queries" for parameter in operation.parameters)
    return queried and any(issubclass(model, Page) for model in operation.models)


def _argument(parameter: Parameter) -> GraphQLArgument:
    required = parameter.required and not parameter.nullable
    type_ = _input(parameter.check, required)
    return GraphQLArgument(GraphQLNonNull(type_) if required else type_)


def _input(check: Check, required: bool) -> Any:
    if check.json_type == "array":
        return GraphQLList(_item(check, required))
    if isinstance(check, JsonObject):
        return JSON if type(check) is JsonOrText else ASSOC
    return _SCALARS.get(check.json_type, JSON)


def _item(check: Check, required: bool) -> GraphQLInputType:
    """The type of what a list holds, which is texts unless it says otherwise."""
    if isinstance(check, Items):
        item = _input(check.item, required)
        return GraphQLNonNull(item) if required else item
    items = check.schema().get("items")
    kind = items.get("type", "any") if isinstance(items, dict) else "any"
    item = _SCALARS.get(kind, JSON)
    return GraphQLNonNull(item) if required and item is not JSON else item
