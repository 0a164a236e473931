"""What operations answer with, read field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from graphql import ExecutionResult, GraphQLError
from tidewire.api.errors import error_body, unforeseen_error

_log = structlog.get_logger()

Reader = Callable[[Any], Any]


def decoded(value: Any) -> Any:
    """A value whose fields can be read: JSON text becomes what it says, in a list as well."""
    if type(value) is msgspec.Raw:
        return msgspec.json.decode(value)
    if type(value) is list and value and type(value[0]) is msgspec.Raw:
        return [msgspec.json.decode(each) for each in value]
    return value


def reader(attribute: str, wire: str) -> Reader:
    """Reads a field of a model, or of the same thing as a dictionary with the names of the wire."""

    def read(source: Any) -> Any:
        value = source.get(wire) if type(source) is dict else getattr(source, attribute, None)
        return None if value is msgspec.UNSET else decoded(value)

    return read


def tag_reader(wire: str) -> Reader:
    """Reads the field by which models of several kinds are told apart."""

    def read(source: Any) -> Any:
        if type(source) is dict:
            return source.get(wire)
        return source.__struct_config__.tag

    return read


def data_text(source: Any) -> str:
    """The values of an object without a fixed form, those of the system aside, as JSON text.

    Names of the system within it are written as in the rest of the answer: ``_id``.
    """
    own = {
        name: _renamed(value) if isinstance(value, dict | list) else value
        for name, value in source.items()
        if name[:1] not in {"$", "_"}
    }
    return msgspec.json.encode(own).decode()


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {field_name(name): _renamed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each) for each in value]
    return value


def field_name(wire: str) -> str:
    """The name of a field in GraphQL, which knows no ``$``."""
    return "_" + wire[1:] if wire.startswith("$") else wire


def kind_of(source: Any, names: tuple[str, ...]) -> str:
    """Return which of the types ``names`` an object is of."""
    if isinstance(source, msgspec.Struct):
        return _named_like(type(source).__name__, names)
    tag = source.get("format") or source.get("type") or source.get("$id") or ""
    word = "".join(part.capitalize() for part in str(tag).replace("_", "-").split("-"))
    return _named_like(word.replace("Double", "Float"), names)


def _named_like(name: str, names: tuple[str, ...]) -> str:
    if name in names:
        return name
    for each in names:
        if each.endswith(name.removeprefix("Column").removeprefix("Attribute")):
            return each
    return names[-1]


def told_answer(result: ExecutionResult) -> dict[str, Any]:
    """The answer to a query, as clients are told it; a fault of the server is logged."""
    if not result.errors:
        return {"data": result.data}
    errors = [_told(each) for each in result.errors]
    return {"errors": errors, "data": result.data}


def _told(error: GraphQLError) -> Mapping[str, Any]:
    if error.extensions:
        return error.formatted
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        error.extensions = {"code": 400, "type": "general_argument_invalid"}  # of variables, mostly
        return error.formatted
    _log.error("request_failed", path=error.path, exc_info=error.original_error)
    body = error_body(unforeseen_error())
    told = {**error.formatted, "message": body.message}
    return {**told, "extensions": {"code": body.code, "type": body.type}}
