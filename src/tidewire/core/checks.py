"""Checks of parameters beyond the common ones of :mod:`tidewire.core.parameters`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tidewire.core.parameters import Check, Choice, InvalidParameterError, Text


@dataclass(frozen=True)
class OrEmpty(Check):
    """What ``check`` accepts, or the empty text, with which a client removes what was there."""

    check: Check
    json_type = "string"

    def convert(self, value: object) -> object:
        return "" if value == "" else self.check.convert(value)

    def catalog(self) -> dict[str, object]:
        return {**self.check.catalog(), "allow_empty": True}

    def schema(self) -> dict[str, object]:
        return {"anyOf": [self.check.schema(), {"type": "string", "maxLength": 0}]}


@dataclass(frozen=True)
class AnyCaseChoice(Choice):
    """One of the listed lower-case strings, in whatever case it is written."""

    def convert(self, value: object) -> str:
        return super().convert(value.lower() if isinstance(value, str) else value)

    def catalog(self) -> dict[str, object]:
        return {**super().catalog(), "case_insensitive": True}


@dataclass(frozen=True)
class TrueOrFalse(Check):
    """A JSON boolean and nothing that only looks like one."""

    json_type = "boolean"

    def convert(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise InvalidParameterError("Value must be a boolean: true or false.")
        return value


@dataclass(frozen=True)
class Int32(Check):
    """An integer that fits in 32 bits."""

    json_type = "integer"

    def convert(self, value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
            raise InvalidParameterError("Value must be an integer of 32 bits.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "int32"}

    def schema(self) -> dict[str, object]:
        return {"type": "integer", "format": "int32"}


@dataclass(frozen=True)
class Key(Check):
    """A name with the characters of an id, such as a team role: at most ``maximum`` of them."""

    json_type = "string"
    maximum: int
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > self.maximum or not self.pattern.fullmatch(value):
            raise InvalidParameterError(
                f"Value must have 1 to {self.maximum} characters, letters a-z and A-Z, digits, period, "
                "hyphen and underscore, and start with a letter or digit."
            )
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "key", "max_length": self.maximum}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": self.maximum, "pattern": f"^{self.pattern.pattern}$"}


@dataclass(frozen=True)
class Alphanumeric(Text):
    """Text of ASCII letters and digits only."""

    alphabet: ClassVar[str] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def convert(self, value: object) -> str:
        text = super().convert(value)
        if not (text.isascii() and text.isalnum()):
            raise InvalidParameterError("Value must consist of the letters a-z and A-Z and digits.")
        return text

    def catalog(self) -> dict[str, object]:
        return {**super().catalog(), "allowed_chars": self.alphabet}


@dataclass(frozen=True)
class LooseInt32(Int32):
    """An integer that fits in 32 bits, perhaps written as text, as in query strings."""

    def convert(self, value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
            value = int(value)
        return super().convert(value)

    def catalog(self) -> dict[str, object]:
        return {**super().catalog(), "accepts_strings": True}


@dataclass(frozen=True)
class PublicDomain(Check):
    """A domain name of the public Internet, such as ``example.com``; no address and no bare host name."""

    json_type = "string"
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
    )

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > 253 or not self.pattern.fullmatch(value):
            raise InvalidParameterError("Value must be a public domain, such as example.com.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "public-domain"}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": 253}
