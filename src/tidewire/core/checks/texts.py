"""Checks of text."""

from __future__ import annotations

import unicodedata
import zoneinfo
from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar

from tidewire.core.locales import LOCALE_CODES
from tidewire.core.parameters import Check, InvalidParameterError


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

    def schema(self) -> dict[str, object]:
        limits = {"minLength": self.minimum, "maxLength": self.maximum}
        return {"type": "string", **{name: limit for name, limit in limits.items() if limit}}


@dataclass(frozen=True)
class HeaderText(Text):
    """Text for the head of a mail: one line."""

    def convert(self, value: object) -> str:
        text = super().convert(value)
        if not text.isprintable():
            raise InvalidParameterError("Value must be a single line of text.")
        return text


@dataclass(frozen=True)
class Content(Check):
    """Text, or in a form any bytes; at most ``maximum`` bytes, of UTF-8 where it is text."""

    json_type = "string"
    maximum: int

    def convert(self, value: object) -> str | bytes:
        if not isinstance(value, str | bytes):
            raise InvalidParameterError("Value must be a string, or in a form any bytes.")
        try:
            size = len(value if isinstance(value, bytes) or value.isascii() else value.encode())
        except UnicodeEncodeError:
            raise InvalidParameterError("Value must be valid Unicode text.") from None
        if size > self.maximum:
            raise InvalidParameterError(f"Value must be at most {self.maximum} bytes long.")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": self.maximum}


@dataclass(frozen=True)
class Secret(Text):
    """Something that the client must keep to itself; never logged or shown."""

    def schema(self) -> dict[str, object]:
        return {**super().schema(), "format": "password"}


@dataclass(frozen=True)
class Password(Text):
    """A password; its rules beyond length are the project's."""

    def schema(self) -> dict[str, object]:
        return {**super().schema(), "format": "password"}


@dataclass(frozen=True)
class NotBlank(Text):
    """Text that is not only white space; white space around it is dropped."""

    def convert(self, value: object) -> str:
        text = super().convert(value).strip()
        if not text:
            raise InvalidParameterError("Value must not be blank.")
        return text


@dataclass(frozen=True)
class Alphanumeric(Text):
    """Text of ASCII letters and digits only."""

    def convert(self, value: object) -> str:
        text = super().convert(value)
        if not (text.isascii() and text.isalnum()):
            raise InvalidParameterError("Value must consist of the letters a-z and A-Z and digits.")
        return text


@dataclass(frozen=True)
class Digits(Text):
    """Text of ASCII digits only."""

    def convert(self, value: object) -> str:
        text = super().convert(value)
        if not (text.isascii() and text.isdigit()):
            raise InvalidParameterError("Value must consist of digits.")
        return text


@dataclass(frozen=True)
class FolderPath(Check):
    """A folder of a file: segments that end in ``/``, none empty, ``.`` or ``..``; the root is empty.

    The last ``/`` may be left out. ``maximum`` bounds the bytes of UTF-8, that ``/`` included.
    """

    json_type = "string"
    maximum: int = 2048

    def convert(self, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidParameterError("A folder is a path such as 'photos/2026/'.")
        if not value:
            return ""
        folder = value if value.endswith("/") else value + "/"
        if any(segment in {"", ".", ".."} for segment in folder[:-1].split("/")):
            raise InvalidParameterError(
                "A folder is a path such as 'photos/2026/', without a '/' in front, '.' and '..'."
            )
        if any(unicodedata.category(character) == "Cc" for character in folder):
            raise InvalidParameterError("A folder has no control characters.")
        if len(folder.encode()) > self.maximum:
            raise InvalidParameterError(
                f"A folder has at most {self.maximum} bytes, a '/' at the end included."
            )
        return folder

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": self.maximum}


@dataclass(frozen=True)
class Choice(Check):
    """One of the listed strings."""

    json_type = "string"
    values: tuple[str, ...]
    problem: ClassVar[str] = "Value must be one of ({})."

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise InvalidParameterError(self.problem.format(", ".join(self.values)))
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True)
class AnyCaseChoice(Choice):
    """One of the listed lower-case strings, in whatever case it is written."""

    def convert(self, value: object) -> str:
        return super().convert(value.lower() if isinstance(value, str) else value)


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


@dataclass(frozen=True)
class Timezone(Check):
    """The name of a time zone, in whatever case it is written; empty for none."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if value == "":
            return ""
        name = _zones().get(value.lower()) if isinstance(value, str) else None
        if name is None:
            raise InvalidParameterError("Value must be the name of a time zone, such as `Europe/Paris`.")
        return name


@dataclass(frozen=True)
class LocaleCode(Check):
    """The code of a locale, in whatever case it is written; empty for the default one."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if value == "":
            return ""
        code = value.lower() if isinstance(value, str) else ""
        if code not in LOCALE_CODES:
            raise InvalidParameterError(
                "Value must be the code of a locale, such as en or pt-br (GET /v1/locale/codes lists them)."
            )
        return code

    def schema(self) -> dict[str, object]:
        return {"type": "string", "enum": ["", *LOCALE_CODES]}


@dataclass(frozen=True)
class StatusCode(AnyCaseChoice):
    """One of the listed codes of HTTP, which may be written as a number."""

    def convert(self, value: object) -> str:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return super().convert(str(value) if is_number else value)


@dataclass(frozen=True)
class OrEmpty(Check):
    """What ``check`` accepts, or the empty text, with which a client removes what was there."""

    check: Check
    json_type = "string"

    def convert(self, value: object) -> object:
        return "" if value == "" else self.check.convert(value)

    def schema(self) -> dict[str, object]:
        return {"anyOf": [self.check.schema(), {"type": "string", "maxLength": 0}]}


Search = Annotated[str, Text(1, 256)]
