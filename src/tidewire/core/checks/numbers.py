"""Checks of numbers, booleans and times."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.time import now, parse_datetime


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

    def schema(self) -> dict[str, object]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class _Integer(Check):
    """An integer that fits in so many bits."""

    json_type = "integer"
    bits: ClassVar[int]

    def convert(self, value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        largest = 2 ** (self.bits - 1) - 1
        if not isinstance(value, int) or isinstance(value, bool) or not -largest - 1 <= value <= largest:
            raise InvalidParameterError(f"Value must be an integer of {self.bits} bits.")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "integer", "format": f"int{self.bits}"}


@dataclass(frozen=True)
class Int32(_Integer):
    """An integer that fits in 32 bits."""

    bits = 32


@dataclass(frozen=True)
class Int64(_Integer):
    """An integer that fits in 64 bits."""

    bits = 64


@dataclass(frozen=True)
class LooseInt32(Int32):
    """An integer that fits in 32 bits, perhaps written as text, as in query strings."""

    def convert(self, value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
            value = int(value)
        return super().convert(value)


@dataclass(frozen=True)
class Flag(Check):
    """A boolean; ``"true"``, ``"false"``, ``"1"``, ``"0"``, 1 and 0 are accepted too."""

    json_type = "boolean"
    spellings: ClassVar[dict[object, bool]] = {
        **dict.fromkeys(("true", "1", 1), True),
        **dict.fromkeys(("false", "0", 0), False),
    }

    def convert(self, value: object) -> bool:
        if not isinstance(value, (str, int)) or value not in self.spellings:
            raise InvalidParameterError("Value must be a boolean: true or false.")
        return self.spellings[value]


@dataclass(frozen=True)
class TrueOrFalse(Check):
    """A JSON boolean and nothing that only looks like one."""

    json_type = "boolean"

    def convert(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise InvalidParameterError("Value must be a boolean: true or false.")
        return value


@dataclass(frozen=True)
class Datetime(Check):
    """A date and time as text; the operation receives milliseconds since the epoch."""

    json_type = "string"
    details: ClassVar = {"format": "date-time"}

    def convert(self, value: object) -> int:
        try:
            if isinstance(value, str):
                return parse_datetime(value)
        except (ValueError, OverflowError):
            pass
        raise InvalidParameterError("Value must be a time as ISO 8601 has it, such as 2030-01-31T12:00:00Z.")


@dataclass(frozen=True)
class Fraction(Check):
    """A number from ``minimum`` to ``maximum``; text with digits is accepted too."""

    json_type = "number"
    minimum: float
    maximum: float

    def convert(self, value: object) -> float:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,18})?", value):
            value = float(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidParameterError("Value must be a number.")
        if not self.minimum <= value <= self.maximum:
            raise InvalidParameterError(f"Value must be between {self.minimum:g} and {self.maximum:g}.")
        return float(value)

    def schema(self) -> dict[str, object]:
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class FutureTime(Datetime):
    """A date and time that is still to come."""

    def convert(self, value: object) -> int:
        moment = super().convert(value)
        if moment <= now():
            raise InvalidParameterError("Value must be valid date in the future.")
        return moment


Boolean = Annotated[bool, Flag()]
