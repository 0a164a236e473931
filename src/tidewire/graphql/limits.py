"""Limits of queries, measured on their documents before anything of them is run or even checked.

What a fragment brings is counted wherever it is spread, and worked out once. Introspection is measured apart:
it costs none of the limits of what is asked of the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)
from tidewire.settings import Settings

LISTS: Final = "lists"
"""Extension of a field that lists what its argument ``queries`` asks for."""
_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_MAX_INTROSPECTION_FIELDS: Final = 500
"""Fields within ``__schema`` and ``__type``; the query that tools send has about a hundred."""
_FIELDS: Final = 4
"""Fields of a document, those that directives leave out among them, as a multiple of the complexity that is
allowed: the time of the checks grows with the square of equal ones."""
_LIST_LIMIT: Final = 25
"""Entries of a list that says no limit."""
_LIMIT_QUERY: Final = msgspec.json.Decoder(dict[str, Any])


class Size(NamedTuple):
    """How large a part of a document is, with what it spreads."""

    depth: int = 0
    """Fields that lie within each other, and have fields."""
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    introspection: int = 0
    """Fields within introspection."""

    def beside(self, other: Size) -> Size:
        """Both together."""
        depth = max(self.depth, other.depth)
        return Size(depth, *(ours + theirs for ours, theirs in zip(self[1:], other[1:], strict=True)))


def limit_error(message: str) -> GraphQLError:
    """The error for a query that is too large."""
    return GraphQLError(message, extensions={"code": 400, "type": "general_bad_request"})


def require_small(document: DocumentNode, settings: Settings) -> None:
    """Refuse a document with an operation that is too large, whatever its variables. Raises GraphQLError."""
    sizes = _Sizes(document)
    for operation in _operations(document):
        size = sizes.of_operation(operation)
        bounds = (
            (size.depth - 1 if settings.rate_limits else 0, settings.graphql_max_depth, "query depth"),
            (size.aliases, settings.graphql_max_aliases, "number of aliases"),
            (size.directives, settings.graphql_max_directives, "number of directives"),
            (size.fields, _FIELDS * settings.graphql_max_complexity, "number of fields"),
            (size.introspection, _MAX_INTROSPECTION_FIELDS, "number of introspection fields"),
        )
        for measured, most, what in bounds:
            if measured > most:
                raise limit_error(f"Max {what} should be {most} but got {measured}.")


class _Sizes:
    """The sizes of the parts of one document."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = fragments_of(document)
        self._known: dict[tuple[str, bool], Size] = {}

    def of_operation(self, operation: OperationDefinitionNode) -> Size:
        """The size of an operation; its own directives count."""
        size = self._of_selections(operation.selection_set, introspecting=False)
        return size._replace(directives=size.directives + len(operation.directives or ()))

    def _of_selections(self, selections: SelectionSetNode | None, *, introspecting: bool) -> Size:
        size = Size()
        for each in selections.selections if selections else ():
            directives = Size(directives=len(each.directives or ()))
            if isinstance(each, FieldNode):
                part = self._of_field(each, introspecting)
            elif isinstance(each, FragmentSpreadNode):
                part = self._of_fragment(each.name.value, introspecting)
            elif isinstance(each, InlineFragmentNode):
                part = self._of_selections(each.selection_set, introspecting=introspecting)
            else:
                continue
            size = size.beside(part).beside(directives)
        return size

    def _of_field(self, field: FieldNode, introspecting: bool) -> Size:
        introspects = introspecting or field.name.value in _INTROSPECTION
        size = self._of_selections(field.selection_set, introspecting=introspects)
        aliases = size.aliases + (field.alias is not None)
        if introspects:
            return size._replace(introspection=size.introspection + 1, aliases=aliases)
        deeper = size.depth + 1 if field.selection_set else 0
        return size._replace(depth=deeper, fields=size.fields + 1, aliases=aliases)

    def _of_fragment(self, name: str, introspecting: bool) -> Size:
        key = (name, introspecting)
        if key not in self._known:
            fragment = self._fragments.get(name)
            self._known[key] = Size()  # one that spreads itself is refused by the checks of the document
            if fragment is not None:
                selections = fragment.selection_set
                self._known[key] = self._of_selections(selections, introspecting=introspecting)
        return self._known[key]


class Complexity:
    """The complexity of an operation with its variables: what it may cost the server."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._fragments = fragments_of(document)
        self._variables = variables
        self._known: dict[str, int] = {}

    def of_operation(self, operation: OperationDefinitionNode) -> int:
        """The complexity of one operation of the document."""
        return self._of_selections(operation.selection_set, self._schema.get_root_type(operation.operation))

    def _of_selections(self, selections: SelectionSetNode | None, root: GraphQLObjectType | None) -> int:
        total = 0
        for each in selections.selections if selections else ():
            if each.directives and self._is_left_out(each.directives):
                continue
            if isinstance(each, FieldNode):
                total += self._of_field(each, root)
            elif isinstance(each, FragmentSpreadNode):
                total += self._of_fragment(each.name.value, root)
            elif isinstance(each, InlineFragmentNode):
                total += self._of_selections(each.selection_set, root)
        return total

    def _of_field(self, field: FieldNode, root: GraphQLObjectType | None) -> int:
        if field.name.value in _INTROSPECTION:
            return 0
        children = self._of_selections(field.selection_set, None)
        definition = root.fields.get(field.name.value) if root else None
        if definition is not None and LISTS in definition.extensions:
            return max(1, children * self._limit(field))
        return 1 + children

    def _of_fragment(self, name: str, root: GraphQLObjectType | None) -> int:
        if name not in self._known:
            fragment = self._fragments.get(name)
            self._known[name] = 0
            if fragment is not None:
                self._known[name] = self._of_selections(fragment.selection_set, root)
        return self._known[name]

    def _limit(self, field: FieldNode) -> int:
        """The limit in the argument ``queries`` of a field."""
        for argument in field.arguments or ():
            if argument.name.value == "queries":
                for text in self._texts(argument.value):
                    limit = _limit_of(text)
                    if limit is not None:
                        return limit
        return _LIST_LIMIT

    def _texts(self, value: ValueNode) -> Iterator[str]:
        if isinstance(value, StringValueNode):
            yield value.value
        elif isinstance(value, ListValueNode):
            for each in value.values:
                yield from self._texts(each)
        elif isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            yield from (
                each for each in (given if isinstance(given, list) else [given]) if isinstance(each, str)
            )

    def _is_left_out(self, directives: Sequence[DirectiveNode]) -> bool:
        for directive in directives:
            name = directive.name.value
            if name in {"skip", "include"}:
                for argument in directive.arguments or ():
                    if self._boolean(argument.value) is (name == "skip"):
                        return True
        return False

    def _boolean(self, value: ValueNode) -> bool | None:
        given = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        if isinstance(value, BooleanValueNode):
            given = value.value
        return given if isinstance(given, bool) else None


def _limit_of(text: str) -> int | None:
    """The limit that a query says; None if it is another query, or none that can be read."""
    if "limit" not in text:
        return None
    try:
        query = _LIMIT_QUERY.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    values = query.get("values")
    if query.get("method") != "limit" or not isinstance(values, list) or not values:
        return None
    limit = values[0]
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0 else None


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The fragments of a document, by name."""
    return {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
