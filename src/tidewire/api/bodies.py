"""Parameters out of a query string or a request body: JSON, or a form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from tidewire.api.body_budget import BodyLease
from tidewire.api.large_json import LargeJson
from tidewire.core.errors import TidewireError
from tidewire.core.json_bounds import TOO_DEEP, require_once
from tidewire.core.json_steps import is_too_deep
from tidewire.core.query_string import parse_query_string


class RequestParameters(NamedTuple):
    """The parameters that a request carries, by wire name."""

    values: Mapping[str, Any]
    textual: bool
    """Whether every value is text, as in query strings and forms, where lists may be written with
    brackets."""


_ALIKE: Final = 4
"""Letters by whose equality a name counts as like that of a condition: ``query``, ``queries.0``."""
_LONGEST_ALIKE: Final = 64
_NO_LETTERS: Final = re.compile(r"[^a-zA-Z]+")
NOTHING: Final = RequestParameters({}, False)


def from_query(query_string: bytes, *, strict: bool = True) -> RequestParameters:
    """Read a query string, or a body of type ``application/x-www-form-urlencoded``.

    What is beyond the bounds of :mod:`tidewire.core.query_string` is refused, and ignored unless ``strict``.
    """
    if not query_string:
        return NOTHING
    try:
        return RequestParameters(parse_query_string(query_string.decode("utf-8"), strict=strict), True)
    except ValueError as error:
        raise TidewireError("general_argument_invalid", f"The parameters cannot be read: {error}") from None


def from_json(body: bytes, once: Sequence[str] = ()) -> RequestParameters:
    """Read a JSON object; an empty body is an empty object, and so is the empty list, as PHP writes it.

    Names that are to stand ``once`` in an object are refused otherwise: passed over, the first of two
    conditions would make a change of some into one of others.
    """
    if not body or body.isspace():
        return NOTHING
    if is_too_deep(body):
        raise TidewireError("general_argument_invalid", TOO_DEEP, limit="levels of a body")
    try:
        given = _as_object(msgspec.json.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid_json(error) from None
    if once:
        require_once(body, once)
    return given


async def from_large_json(
    body: bytearray, large_json: LargeJson, lease: BodyLease, once: Sequence[str] = ()
) -> RequestParameters:
    """Read a JSON object from a body so large that it is decoded in steps; its values count for the lease."""
    if not body or body.isspace():
        return NOTHING
    try:
        return _as_object(await large_json.decode(body, lease.take, once))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid_json(error) from None


def is_json(content_type: str) -> bool:
    """Whether a body is JSON by its media type, or without one."""
    return content_type in {"", "application/json"} or content_type.endswith("+json")


def from_body(content_type: str, body: bytes, once: Sequence[str] = ()) -> RequestParameters:
    """Read a body by its media type. Multipart is :mod:`tidewire.api.multipart`'s."""
    if content_type == "application/x-www-form-urlencoded":
        return from_query(body)
    if not body or is_json(content_type):
        return from_json(body, once)
    raise TidewireError(
        "general_argument_invalid", f"The request body must be application/json, not {content_type[:100]}."
    )


def body_first(body: RequestParameters, query: RequestParameters) -> RequestParameters:
    """What a request says in its body, and in its query string where the body does not say it."""
    if not query.values:
        return body
    return RequestParameters({**query.values, **body.values}, textual=True)


def with_conditions(
    body: RequestParameters, query: RequestParameters, names: Iterable[str]
) -> RequestParameters:
    """What a request says in its body, and of its query string the conditions ``names``."""
    elsewhere = {name: query.values[name] for name in names if name in query.values}
    return RequestParameters({**elsewhere, **body.values}, body.textual) if elsewhere else body


def require_plain_conditions(body: RequestParameters, query: RequestParameters, names: Sequence[str]) -> None:
    """Refuse conditions that body and query string give differently, and names that are only like theirs.

    Passed over, either would make a change or a deletion of some into one of all.
    """
    alike = {name[:_ALIKE]: name for name in names}
    for given in (body, query):
        for name in given.values:
            meant = alike.get(_NO_LETTERS.sub("", name[:_LONGEST_ALIKE]).lower()[:_ALIKE])
            if meant is not None and name not in names:
                message = f"There is no parameter `{name[:100]}`: did you mean `{meant}`?"
                raise TidewireError("general_argument_invalid", message)
    for name in names:
        if name in body.values and name in query.values and body.values[name] != query.values[name]:
            message = f"Body and query string give different `{name}`: give one of them."
            raise TidewireError("general_argument_invalid", message)


def media_type(content_type: str) -> str:
    """``Application/JSON; charset=utf-8`` to ``application/json``."""
    return content_type.partition(";")[0].strip().lower()


def _as_object(values: object) -> RequestParameters:
    if values == []:
        return NOTHING
    if not isinstance(values, dict):
        raise TidewireError("general_argument_invalid", "The request body must be a JSON object.")
    return RequestParameters(values, False)


def _invalid_json(error: Exception) -> TidewireError:
    return TidewireError("general_argument_invalid", f"The request body is not valid JSON: {error}")
