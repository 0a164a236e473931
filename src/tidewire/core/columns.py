"""Columns of users' tables: which kinds there are, and which values they take."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tidewire.core.checks.addresses import Email
from tidewire.core.geometry import Shape, geometry_problem
from tidewire.core.parameters import InvalidParameterError
from tidewire.core.time import format_datetime, parse_datetime, parse_iso
from tidewire.core.vectors import vector_problem

Storage = Literal["text", "integer", "float", "boolean", "time", "geometry", "document", "vector"]
"""What the values of a column are in SQL; a time is an integer of milliseconds since the epoch, a
document and a vector are JSON text."""

INT64: Final = range(-(2**63), 2**63)
MANY_TIMES: Final = 100
"""Elements of an array of times from which on all of them must be in ISO 8601, because other forms take too
long to read."""
LARGEST_EXACT: Final = 2**53
"""The largest integer up to which every integer is also a floating-point number."""


class InvalidValueError(ValueError):
    """A value that a column does not take; the text says why."""


@dataclass(frozen=True)
class ColumnKind:
    """A kind of column."""

    name: str
    """The name as operations have it: ``integer``, ``float``, ``email``."""
    type: str
    """The ``type`` that the API shows."""
    storage: Storage
    format: str = ""
    """The ``format`` that the API shows, empty for none."""
    size: int = 0
    """Characters that a value may have; 0: each column says so itself, or the values are no text."""
    resizable: bool = False
    encryptable: bool = False
    bounded: bool = False
    """Columns have a least and a greatest value."""
    shape: Shape | None = None


KINDS: Final[Mapping[str, ColumnKind]] = {
    kind.name: kind
    for kind in (
        ColumnKind("string", "string", "text", resizable=True, encryptable=True),
        ColumnKind("varchar", "varchar", "text", resizable=True, encryptable=True),
        ColumnKind("text", "text", "text", size=2**16 - 1, encryptable=True),
        ColumnKind("mediumtext", "mediumtext", "text", size=2**24 - 1, encryptable=True),
        ColumnKind("longtext", "longtext", "text", size=2**32 - 1, encryptable=True),
        ColumnKind("email", "string", "text", format="email", size=320),
        ColumnKind("enum", "string", "text", format="enum", size=255),
        ColumnKind("ip", "string", "text", format="ip", size=39),
        ColumnKind("url", "string", "text", format="url", size=2000),
        ColumnKind("integer", "integer", "integer", bounded=True),
        ColumnKind("bigint", "bigint", "integer", bounded=True),
        ColumnKind("float", "double", "float", bounded=True),
        ColumnKind("boolean", "boolean", "boolean"),
        ColumnKind("datetime", "datetime", "time", format="datetime"),
        ColumnKind("point", "point", "geometry", shape="point"),
        ColumnKind("line", "linestring", "geometry", shape="line"),
        ColumnKind("polygon", "polygon", "geometry", shape="polygon"),
    )
}
"""The kinds that tables can be given, by name."""

DOCUMENT_KINDS: Final[Mapping[str, ColumnKind]] = {
    kind.name: kind
    for kind in (
        ColumnKind("document", "document", "document"),
        ColumnKind("object", "object", "document"),
        ColumnKind("vector", "vector", "vector"),
    )
}
"""The kinds that collections of documents and of vectors are made with, by name."""

ALL_KINDS: Final[Mapping[str, ColumnKind]] = {**KINDS, **DOCUMENT_KINDS}
"""All kinds, by name."""


@dataclass(frozen=True)
class ColumnRules:
    """What values a column takes."""

    kind: ColumnKind
    required: bool = False
    array: bool = False
    size: int = 0
    minimum: int | float | None = None
    maximum: int | float | None = None
    elements: tuple[str, ...] = ()
    default: Any = None
    """The default as it is on the wire."""
    encrypted: bool = False

    def accept(self, value: object) -> Any:
        """The value as it is kept: a time in milliseconds, everything else as on the wire.

        None stands for no value. Raises :class:`InvalidValueError`.
        """
        if value is None:
            if self.required:
                raise InvalidValueError("a value is required.")
            return None
        if not self.array:
            return self.accept_element(value)
        if not isinstance(value, list):
            raise InvalidValueError("it must be an array.")
        if self.kind.storage == "time" and len(value) > MANY_TIMES:
            return [_read_time(element, parse_iso) for element in value]
        return [self.accept_element(element) for element in value]

    def accept_element(self, value: object) -> Any:
        """One value, or one element of an array. Raises :class:`InvalidValueError`."""
        accepted = _ACCEPT[self.kind.storage](self, value)
        if self.kind.format in _FORMATS:
            _FORMATS[self.kind.format](self, accepted)
        return accepted


def shown_float(value: float) -> int | float:
    """Numbers without a fraction are written as integers."""
    return int(value) if value.is_integer() and abs(value) <= LARGEST_EXACT else value


def shown_time(value: int) -> str:
    """A time as on the wire."""
    return format_datetime(value)


def text_problem(value: str) -> str:
    """What keeps a string from being text that can be stored; empty if nothing does."""
    if "\0" in value:
        return "text must not contain NUL characters."
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "it must be valid Unicode text."
    return ""


def _accept_text(rules: ColumnRules, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValueError("it must be text.")
    problem = text_problem(value)
    if problem:
        raise InvalidValueError(problem)
    size = rules.kind.size or rules.size
    if len(value) > size:
        raise InvalidValueError(f"it must have at most {size} characters.")
    return value


def _accept_integer(rules: ColumnRules, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in INT64:
        raise InvalidValueError("it must be an integer of 64 bits.")
    _require_bounds(rules, value)
    return value


def _accept_float(rules: ColumnRules, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValueError("it must be a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidValueError("it must be a number of double precision.")
    _require_bounds(rules, number)
    return number


def _require_bounds(rules: ColumnRules, value: int | float) -> None:
    if rules.minimum is not None and value < rules.minimum:
        raise InvalidValueError(f"it must be at least {rules.minimum}.")
    if rules.maximum is not None and value > rules.maximum:
        raise InvalidValueError(f"it must be at most {rules.maximum}.")


def _accept_boolean(_: ColumnRules, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValueError("it must be true or false.")
    return value


def _accept_time(_: ColumnRules, value: object) -> int:
    return _read_time(value, parse_datetime)


def _read_time(value: object, read: Callable[[str], int]) -> int:
    try:
        if isinstance(value, str):
            return read(value)
    except (ValueError, OverflowError):
        pass
    raise InvalidValueError("it must be a date and time in ISO 8601, as in 2020-10-15T06:38:00.000+00:00.")


def _accept_geometry(rules: ColumnRules, value: object) -> list[Any]:
    assert rules.kind.shape is not None
    problem = geometry_problem(rules.kind.shape, value)
    if problem:
        raise InvalidValueError(problem)
    assert isinstance(value, list)
    return value


def _accept_document(_: ColumnRules, value: object) -> dict[str, Any]:
    if value == []:  # what PHP makes of an empty object
        return {}
    if not isinstance(value, dict):
        raise InvalidValueError("it must be an object.")
    return value


def _accept_vector(rules: ColumnRules, value: object) -> list[int | float]:
    if not isinstance(value, list):
        raise InvalidValueError("it must be an array of numbers.")
    problem = vector_problem(value, rules.size)
    if problem:
        raise InvalidValueError(problem)
    return value


_ACCEPT: Final[Mapping[Storage, Callable[[ColumnRules, object], Any]]] = {
    "text": _accept_text,
    "integer": _accept_integer,
    "float": _accept_float,
    "boolean": _accept_boolean,
    "time": _accept_time,
    "geometry": _accept_geometry,
    "document": _accept_document,
    "vector": _accept_vector,
}

_EMAIL: Final = Email()
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#]+([/?#]\S*)?")


def _require_email(_: ColumnRules, value: str) -> None:
    try:
        _EMAIL.convert(value)
    except InvalidParameterError:
        raise InvalidValueError("it must be an e-mail address.") from None


def _require_element(rules: ColumnRules, value: str) -> None:
    if value not in rules.elements:
        raise InvalidValueError(f"it must be one of {', '.join(rules.elements)}.")


def _require_ip(_: ColumnRules, value: str) -> None:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise InvalidValueError("it must be an IP address.") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise InvalidValueError("it must be an IP address without a zone.")


def _require_url(_: ColumnRules, value: str) -> None:
    if not _URL.fullmatch(value):
        raise InvalidValueError("it must be a URL.")


_FORMATS: Final[Mapping[str, Callable[[ColumnRules, str], None]]] = {
    "email": _require_email,
    "enum": _require_element,
    "ip": _require_ip,
    "url": _require_url,
}
