"""Checks of lists and JSON objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tidewire.core.json_bounds import TOO_DEEP
from tidewire.core.json_steps import is_too_deep
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.permissions import InvalidPermissionError, validate_permissions


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

    def schema(self) -> dict[str, object]:
        return {"type": "array", "maxItems": self.maximum, "items": {"type": "string"}}


@dataclass(frozen=True)
class JsonObject(Check):
    """A JSON object of at most ``maximum`` bytes as text; an empty list is what PHP makes of an empty one."""

    json_type = "object"
    maximum: int = 0
    """0: no limit but that of the request."""

    def convert(self, value: object) -> dict[str, Any]:
        if value == []:
            return {}
        if not isinstance(value, dict):
            raise InvalidParameterError("Value must be a valid JSON object.")
        if self.maximum and len(msgspec.json.encode(value)) > self.maximum:
            raise InvalidParameterError(f"Value must be at most {self.maximum} bytes of JSON text.")
        return value


@dataclass(frozen=True)
class JsonOrText(JsonObject):
    """A JSON object, or the text of one."""

    def convert(self, value: object) -> dict[str, Any]:
        if isinstance(value, str):
            try:
                if is_too_deep(value):
                    raise InvalidParameterError(TOO_DEEP)
                value = msgspec.json.decode(value)
            except (msgspec.DecodeError, UnicodeEncodeError):
                value = None
            if not isinstance(value, dict):
                raise InvalidParameterError("Value must be a valid JSON object.")
        return super().convert(value)
