"""Queries as requests bring them: in the URL, in JSON, as plain text, or in a form with a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.json_bounds import TOO_DEEP
from tidewire.core.json_steps import is_too_deep

_MAX_NAME: Final = 256


@dataclass
class Query:
    """One query of a request."""

    text: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str = ""


def queries_of(value: object, most: int) -> tuple[list[Query], bool]:
    """The queries that a decoded body holds, at most ``most``, and whether they came as a list.

    SDKs wrap the whole once more, as ``query``. Raises ``general_argument_invalid``, ``graphql_no_query`` and
    ``graphql_too_many_queries``.
    """
    if isinstance(value, dict) and isinstance(value.get("query"), dict | list):
        value = value["query"]
    if not isinstance(value, list):
        return [query_of(value)], False
    if len(value) > most:
        raise TidewireError("graphql_too_many_queries", f"Too many queries: a request has at most {most}.")
    if not value:
        raise no_query()
    return [query_of(each) for each in value], True


def query_of(value: object) -> Query:
    """A query with its variables and the name of its operation, which may be JSON text and empty."""
    if not isinstance(value, Mapping):
        raise TidewireError("general_argument_invalid", "A query must be a JSON object with a `query`.")
    text = value.get("query")
    if text is None or text == "":
        raise no_query()
    if not isinstance(text, str):
        raise TidewireError("general_argument_invalid", "Invalid `query` param: Value must be a string.")
    return Query(text, _variables(value.get("variables")), _name(value.get("operationName")))


def decode_json(text: str | bytes, name: str) -> Any:
    """The value of a JSON text. Raises ``general_argument_invalid``."""
    if is_too_deep(text):
        raise TidewireError("general_argument_invalid", TOO_DEEP, limit="levels of a body")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise TidewireError("general_argument_invalid", f"{name} is not valid JSON: {error}") from None


def no_query() -> TidewireError:
    """The error for a request without a query."""
    return TidewireError("graphql_no_query", 'Param "query" is not optional.')


def _variables(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        value = decode_json(value, "`variables`") if value else {}
    if value is None or value == []:  # which PHP makes of no variables
        return {}
    if not isinstance(value, dict):
        raise TidewireError("general_argument_invalid", "Invalid `variables` param: Value must be an object.")
    return value


def _name(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_NAME:
        message = f"Invalid `operationName` param: Value must be a string of at most {_MAX_NAME} characters."
        raise TidewireError("general_argument_invalid", message)
    return value
