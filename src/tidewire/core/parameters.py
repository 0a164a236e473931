"""Parameters of operations: their types, their checks, and the texts that say what was wrong.

An operation annotates its parameters with the aliases at the end of this module, for example
``bucket_id: CustomId`` or ``name: Annotated[str, Text(1, 128)]``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import msgspec

from tidewire.core.ids import is_id
from tidewire.core.permissions import InvalidPermissionError, validate_permissions
from tidewire.core.redirects import is_address

Location = Literal["path", "query", "body"]


class InvalidParameterError(Exception):
    """A value that a parameter does not accept; the text completes ``Invalid `x` param:``."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a value must be. Subclasses convert a wire value to the one the operation receives."""

    json_type: ClassVar[str] = "any"

    def convert(self, value: object) -> object:
        """Return the value as the operation receives it; raise :class:`InvalidParameterError`."""
        raise NotImplementedError

    def catalog(self) -> dict[str, object]:
        """The check in the terms of the API catalog: ``min_length``, ``format``, ``enum`` and so on."""
        return {}

    def schema(self) -> dict[str, object]:
        """The check as JSON Schema, for the OpenAPI document."""
        return {} if self.json_type == "any" else {"type": self.json_type}


@dataclass(frozen=True)
class Text(Check):
    """A string of ``minimum`` to ``maximum`` characters."""

    json_type = "string"
    minimum: int = 0
    maximum: int = 0
    """0: no limit but that of the request."""

    def convert(self, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidParameterError("Value must be a string.")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InvalidParameterError("Value must be valid Unicode text.") from None
        if "\0" in value:
            raise InvalidParameterError("Value must not contain NUL characters.")
        if len(value) < self.minimum or (self.maximum and len(value) > self.maximum):
            raise InvalidParameterError(
                f"Value must be {self.minimum} to {self.maximum} characters long."
                if self.maximum
                else f"Value must be at least {self.minimum} characters long."
            )
        return value

    def catalog(self) -> dict[str, object]:
        limits: dict[str, object] = {}
        if self.minimum:
            limits["min_length"] = self.minimum
        if self.maximum:
            limits["max_length"] = self.maximum
        return limits

    def schema(self) -> dict[str, object]:
        names = {"min_length": "minLength", "max_length": "maxLength"}
        return {"type": "string", **{names[key]: value for key, value in Text.catalog(self).items()}}


@dataclass(frozen=True)
class Id(Check):
    """An id of an existing resource: 1 to 36 of ``A-Za-z0-9._-``, not starting with ``. _ -``."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not is_id(value):
            raise InvalidParameterError(
                "An id has 1 to 36 characters, letters a-z and A-Z, digits, period, hyphen and underscore, "
                "and starts with a letter or digit."
            )
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "uid", "max_length": 36}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": 36, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}


@dataclass(frozen=True)
class NewId(Id):
    """An id chosen by the client, or the literal ``unique()`` that asks the server for one."""

    def convert(self, value: object) -> str:
        return "unique()" if value == "unique()" else super().convert(value)

    def catalog(self) -> dict[str, object]:
        return {"format": "custom-id", "max_length": 36}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": 36}


@dataclass(frozen=True)
class Email(Check):
    """An e-mail address: one ``@`` between a dotless-edged local part and a dotted domain, at most 320."""

    json_type = "string"
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
        r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    )

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > 320 or not self.pattern.fullmatch(value):
            raise InvalidParameterError("Value must be a valid email address.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "email"}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "email"}


@dataclass(frozen=True)
class Phone(Check):
    """A phone number as E.164 has it: ``+`` and 7 to 15 digits, the first of them not 0."""

    json_type = "string"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"\+[1-9][0-9]{6,14}")

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise InvalidParameterError("Value must be a phone number: a '+' and 7 to 15 digits.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "phone-e164"}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "pattern": "^" + self.pattern.pattern + "$"}


@dataclass(frozen=True)
class RedirectUrl(Check):
    """An address that users are sent to; whether the project allows it is the operation's to check.

    See :func:`tidewire.core.redirects.redirect_allowed`.
    """

    json_type = "string"
    maximum: ClassVar[int] = 2048

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= self.maximum or not is_address(value):
            raise InvalidParameterError("Value must be a valid URL, such as https://example.com/path.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "redirect-url"}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "uri", "maxLength": self.maximum}


@dataclass(frozen=True)
class Password(Text):
    """A password; its rules beyond length are the project's."""

    def catalog(self) -> dict[str, object]:
        return {"format": "password", **super().catalog()}

    def schema(self) -> dict[str, object]:
        return {**super().schema(), "format": "password"}


@dataclass(frozen=True)
class Secret(Text):
    """Something that the client must keep to itself; never logged or shown."""

    def catalog(self) -> dict[str, object]:
        return {"format": "secret", **super().catalog()}

    def schema(self) -> dict[str, object]:
        return {**super().schema(), "format": "password"}


@dataclass(frozen=True)
class Choice(Check):
    """One of the listed strings."""

    json_type = "string"
    values: tuple[str, ...]

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise InvalidParameterError(f"Value must be one of ({', '.join(self.values)}).")
        return value

    def catalog(self) -> dict[str, object]:
        return {"enum": list(self.values)}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True)
class Whole(Check):
    """An integer from ``minimum`` to ``maximum``; text with digits is accepted too."""

    json_type = "integer"
    minimum: int
    maximum: int

    def convert(self, value: object) -> int:
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidParameterError("Value must be an integer.")
        if not self.minimum <= value <= self.maximum:
            raise InvalidParameterError(f"Value must be between {self.minimum} and {self.maximum}.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"min": self.minimum, "max": self.maximum, "accepts_strings": True}

    def schema(self) -> dict[str, object]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Flag(Check):
    """A boolean; ``"true"``, ``"false"``, ``"1"``, ``"0"``, 1 and 0 are accepted too."""

    json_type = "boolean"
    spellings: ClassVar[dict[object, bool]] = {
        "true": True,
        "1": True,
        1: True,
        "false": False,
        "0": False,
        0: False,
    }

    def convert(self, value: object) -> bool:
        if not isinstance(value, (str, int)) or value not in self.spellings:
            raise InvalidParameterError("Value must be a boolean: true or false.")
        return self.spellings[value]

    def catalog(self) -> dict[str, object]:
        return {"accepts_strings": True}


@dataclass(frozen=True)
class Items(Check):
    """A list of at most ``maximum`` elements, each passing ``item``."""

    json_type = "array"
    item: Check
    maximum: int = 100

    def convert(self, value: object) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidParameterError("Value must be an array.")
        if len(value) > self.maximum:
            raise InvalidParameterError(f"Value must have at most {self.maximum} elements.")
        return [self.item.convert(element) for element in value]

    def catalog(self) -> dict[str, object]:
        return {"max_items": self.maximum, "items": self.item.catalog()}

    def schema(self) -> dict[str, object]:
        return {"type": "array", "maxItems": self.maximum, "items": self.item.schema()}


@dataclass(frozen=True)
class PermissionList(Check):
    """Permission strings of the ``allowed`` types, as the client wrote them."""

    json_type = "array"
    allowed: tuple[str, ...]
    maximum: int = 100

    def convert(self, value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InvalidParameterError("Permissions must be an array of strings.")
        try:
            validate_permissions(value, self.allowed, self.maximum)
        except InvalidPermissionError as error:
            raise InvalidParameterError(str(error)) from None
        return value

    def catalog(self) -> dict[str, object]:
        return {
            "max_items": self.maximum,
            "allowed_actions": list(self.allowed),
            "items": {"format": "permission"},
        }

    def schema(self) -> dict[str, object]:
        return {"type": "array", "maxItems": self.maximum, "items": {"type": "string"}}


@dataclass(frozen=True)
class QueryList(Check):
    """Queries of a list operation, each a JSON text; parsed by the operation's own list definition."""

    json_type = "array"
    queryable: tuple[str, ...]
    kinds: tuple[str, ...] = ("limit", "offset", "cursor", "filter", "order")
    maximum: int = 100
    maximum_length: ClassVar[int] = 4096

    @property
    def longest(self) -> int:
        """Characters that a query may have."""
        return self.maximum_length

    def convert(self, value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InvalidParameterError("Queries must be an array of strings.")
        if len(value) > self.maximum:
            raise InvalidParameterError(f"At most {self.maximum} queries are allowed.")
        if any(len(entry) > self.longest for entry in value):
            raise InvalidParameterError(f"A query has at most {self.longest} characters.")
        return value

    def catalog(self) -> dict[str, object]:
        described: dict[str, object] = {"query_kinds": list(self.kinds), "items": {"format": "query"}}
        return {**described, "queryable": list(self.queryable)} if self.queryable else described

    def schema(self) -> dict[str, object]:
        return {"type": "array", "maxItems": self.maximum, "items": {"type": "string"}}


@dataclass(frozen=True)
class JsonObject(Check):
    """A JSON object of at most ``maximum`` bytes as text."""

    json_type = "object"
    maximum: int

    def convert(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidParameterError("Value must be a JSON object.")
        if len(msgspec.json.encode(value)) > self.maximum:
            raise InvalidParameterError(f"Value must be at most {self.maximum} bytes of JSON text.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"max_bytes": self.maximum}


@dataclass(frozen=True)
class FolderPath(Text):
    """A folder of a file: segments of printable text separated by ``/``, none of them ``.`` or ``..``."""

    def convert(self, value: object) -> str:
        text = super().convert(value)
        segments = text.strip("/").split("/") if text.strip("/") else []
        if any(
            segment in {"", ".", ".."} or not segment.isprintable() or "\\" in segment for segment in segments
        ):
            raise InvalidParameterError("A folder is a path such as 'photos/2026' without '.' and '..'.")
        return "/".join(segments)

    def catalog(self) -> dict[str, object]:
        return {"format": "folder-path", **super().catalog()}


@dataclass(frozen=True)
class FilePart(Check):
    """The file of a multipart request, already received (:class:`tidewire.core.uploads.Upload`)."""

    json_type = "file"

    def convert(self, value: object) -> object:
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "binary"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    """On the wire."""
    argument: str
    """In the function's signature."""
    location: Location
    check: Check
    required: bool
    default: object
    nullable: bool

    def accept(self, value: object) -> object:
        """Convert a value that is present; None stands for JSON null and is not checked if optional."""
        if value is None and not self.required:
            return self.default
        return self.check.convert(value)


def parameter_of(
    argument: str,
    annotation: Any,
    required: bool,
    default: object,
    locate: Callable[[str], Location],
) -> Parameter:
    """Read a parameter from an argument annotated ``Annotated[<type>, <Check>]``, maybe ``| None``."""
    nullable = False
    if get_origin(annotation) in {Union, UnionType}:
        members = [member for member in get_args(annotation) if member is not NoneType]
        nullable = len(members) < len(get_args(annotation))
        (annotation,) = members
    checks = [extra for extra in get_args(annotation)[1:] if isinstance(extra, Check)]
    if len(checks) != 1:
        raise TypeError(f"parameter {argument} needs exactly one Check in its annotation")
    name = wire_name(argument)
    return Parameter(name, argument, locate(name), checks[0], required, default, nullable)


def wire_name(argument: str) -> str:
    """``bucket_id`` to ``bucketId``; a trailing underscore, which avoids a keyword, is dropped."""
    head, *rest = argument.rstrip("_").split("_")
    return head + "".join(word.capitalize() for word in rest)


ResourceId = Annotated[str, Id()]
CustomId = Annotated[str, NewId()]
Boolean = Annotated[bool, Flag()]
EmailAddress = Annotated[str, Email()]
PhoneNumber = Annotated[str, Phone()]
Search = Annotated[str, Text(1, 256)]
