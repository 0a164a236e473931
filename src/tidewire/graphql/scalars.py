"""Scalars of the schema: JSON values, files, and integers of 64 bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Never

import msgspec

from graphql import (
    BooleanValueNode,
    FloatValueNode,
    GraphQLError,
    GraphQLScalarType,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
)
from tidewire.core.json_bounds import TOO_DEEP
from tidewire.core.json_steps import is_too_deep
from tidewire.core.uploads import Upload

_LARGEST: Final = 2**63 - 1
_JSON_DEPTH: Final = 128
"""Levels of a JSON value that is written into a document."""


def _integer(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_LARGEST - 1 <= value <= _LARGEST:
        raise GraphQLError("Int must be a whole number of 64 bits.")
    return value


def _integer_literal(node: ValueNode) -> int:
    if not isinstance(node, IntValueNode) or len(node.value) > 20:
        raise GraphQLError("Int must be a whole number of 64 bits.", node)
    return _integer(int(node.value))


def _json_literal(node: ValueNode) -> Any:
    return _literal(node, 0)


def _literal(node: ValueNode, depth: int) -> Any:
    """The value of a literal, in which variables were replaced already."""
    if depth > _JSON_DEPTH:
        raise GraphQLError(TOO_DEEP, node)
    match node:
        case StringValueNode() | BooleanValueNode():
            return node.value
        case IntValueNode():
            return _number(node.value)
        case FloatValueNode():
            return float(node.value)
        case ListValueNode():
            return [_literal(each, depth + 1) for each in node.values]
        case ObjectValueNode():
            return {each.name.value: _literal(each.value, depth + 1) for each in node.fields}
        case _:  # null, and enum values, which JSON does not have
            return None


def _number(text: str) -> int | float:
    """An integer as it is, as far as JSON has it; a longer one is rounded."""
    return int(text) if len(text) <= 20 else float(text)


def _object(value: object) -> Any:
    """What a map is given as: the value itself, or its JSON text."""
    if not isinstance(value, str):
        return value
    if is_too_deep(value):
        raise GraphQLError(TOO_DEEP)
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise GraphQLError("Assoc must be a JSON object, or the text of one.") from None


def _object_literal(node: ValueNode) -> Any:
    return _object(_json_literal(node))


def _object_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _file(value: object) -> Any:
    if isinstance(value, Upload):
        return value
    raise GraphQLError(
        "InputFile must be a file that is sent by the GraphQL multipart request specification."
    )


def _file_literal(node: ValueNode) -> Any:
    kind = node.kind.replace("_", " ")
    raise GraphQLError(f"InputFile cannot be written into the query: send it as a variable, not as a {kind}.")


def input_scalar(
    name: str, description: str, value: Callable[[object], Any], literal: Callable[[ValueNode], Any]
) -> GraphQLScalarType:
    """Make a scalar that only arguments have, from a variable's ``value`` or a ``literal`` in the query."""

    def no_output(_value: object) -> Never:
        raise GraphQLError(f"{name} is not read.")

    return GraphQLScalarType(
        name,
        description=description,
        coerce_output_value=no_output,
        coerce_input_value=value,
        coerce_input_literal=literal,
    )


INT: Final = GraphQLScalarType(
    "Int64",
    description="A whole number of up to 64 bits.",
    coerce_output_value=_integer,
    coerce_input_value=_integer,
    coerce_input_literal=_integer_literal,
)
"""Takes the place of the specification's type, whose 32 bits are too few for sizes and integer columns."""
INT.name = "Int"  # which the library lets no new type begin with

JSON: Final = GraphQLScalarType(
    "Json",
    description="Any JSON value.",
    coerce_output_value=lambda value: value,
    coerce_input_value=lambda value: value,
    coerce_input_literal=_json_literal,
)

ASSOC: Final = GraphQLScalarType(
    "Assoc",
    description="A JSON object; its JSON text is taken as well, and is what answers hold.",
    coerce_output_value=_object_text,
    coerce_input_value=_object,
    coerce_input_literal=_object_literal,
)

INPUT_FILE: Final = input_scalar(
    "InputFile", "A file, sent as the GraphQL multipart request specification has it.", _file, _file_literal
)
