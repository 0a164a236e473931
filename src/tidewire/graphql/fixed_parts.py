"""Parts of a document that are the same for all variables: found out once, for all times that it is run."""

from __future__ import annotations

from typing import Any, Final

from graphql.execution.collect_fields import CollectedFields
from graphql.execution.values import get_argument_values

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    IntValueNode,
    NullValueNode,
    StringValueNode,
)

_FIXED: Final = (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    NullValueNode,
    StringValueNode,
)
"""Values that no variable stands in, and that nobody can change: no lists and objects."""


class FixedParts:
    """What is kept of one document's fields. Belongs to the event loop.

    A field is known by the identity of its node, so this must not outlive the document.
    """

    def __init__(self) -> None:
        self._arguments: dict[int, dict[str, Any] | None] = {}
        self._selections: dict[tuple[GraphQLObjectType, int], CollectedFields] = {}

    def arguments(self, field: GraphQLField, node: FieldNode) -> dict[str, Any] | None:
        """The arguments of a field, not to be changed; None if variables stand in them, or one is wrong."""
        try:
            return self._arguments[id(node)]
        except KeyError:
            found = self._arguments[id(node)] = _arguments(field, node)
            return found

    def selection(self, type_: GraphQLObjectType, node: FieldNode) -> CollectedFields | None:
        """What is selected of the object that a field leads to, if it was kept."""
        return self._selections.get((type_, id(node)))

    def keep_selection(self, type_: GraphQLObjectType, node: FieldNode, found: CollectedFields) -> None:
        """Keep what is selected of an object, if it is selected whatever the variables are."""
        if _is_plain(node):
            self._selections[type_, id(node)] = found


def _arguments(field: GraphQLField, node: FieldNode) -> dict[str, Any] | None:
    if not all(isinstance(argument.value, _FIXED) for argument in node.arguments or ()):
        return None
    try:
        return get_argument_values(field, node)
    except GraphQLError:
        return None  # told when the field is executed


def _is_plain(node: FieldNode) -> bool:
    """Whether the selection of a field has no conditions and fragments."""
    selected = node.selection_set.selections if node.selection_set else ()
    return all(isinstance(each, FieldNode) and not each.directives for each in selected)
