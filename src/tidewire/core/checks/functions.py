"""Checks of what functions are given: roles, events, schedules, headers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tidewire.core.checks.lists import Items, JsonOrText
from tidewire.core.checks.names import EventPattern
from tidewire.core.checks.texts import Choice
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.permissions import problem_of_role
from tidewire.core.schedules import InvalidScheduleError, next_time
from tidewire.core.time import now

ROLES: Final = ("any", "guests", "users", "user", "team", "member", "label")
MAX_HEADERS: Final = 100
MAX_HEADER_CHARACTERS: Final = 16_384
"""Names and values together are shorter."""


@dataclass(frozen=True)
class Role(Check):
    """A role as permissions name them, such as ``users`` or ``team:ID/owner``."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidParameterError("A role is text.")
        problem = problem_of_role(value)
        if problem:
            raise InvalidParameterError(f"{value[:100]!r} is no role: {problem}")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string"}


@dataclass(frozen=True)
class RoleList(Items):
    """Roles."""

    item: Check = Role()


@dataclass(frozen=True)
class TriggerPattern(EventPattern):
    """The name of an event that may run a function: not one of functions, which would run themselves."""

    def convert(self, value: object) -> str:
        pattern = super().convert(value)
        if pattern.startswith("functions."):
            raise InvalidParameterError(
                f"Triggering a function on a function event is not allowed: {pattern[:200]!r}."
            )
        return pattern


@dataclass(frozen=True)
class SpecificationSlug(Choice):
    """How much of the machine is used, by one of the listed names."""

    problem: ClassVar[str] = "Specification must be one of: {}."


@dataclass(frozen=True)
class Schedule(Check):
    """A schedule by which something is run: five fields, as cron has them."""

    json_type = "string"
    longest: ClassVar[int] = 256

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > self.longest:
            raise InvalidParameterError(f"A schedule is text of at most {self.longest} characters.")
        try:
            next_time(value, now())
        except InvalidScheduleError as error:
            raise InvalidParameterError(f"{error}") from None
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": self.longest}


@dataclass(frozen=True)
class RequestHeaders(JsonOrText):
    """Headers of the request that a function gets; the operation receives them with lower-case names."""

    maximum: int = 65_535
    name: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
    value: ClassVar[re.Pattern[str]] = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

    def convert(self, value: object) -> dict[str, Any]:
        headers = super().convert(value)
        if len(headers) > MAX_HEADERS:
            raise InvalidParameterError(f"At most {MAX_HEADERS} headers are allowed.")
        checked = {name.lower(): self._value(name, text) for name, text in headers.items()}
        if sum(len(name) + len(text) for name, text in checked.items()) >= MAX_HEADER_CHARACTERS:
            raise InvalidParameterError(
                f"Headers have less than {MAX_HEADER_CHARACTERS} characters, names and values together."
            )
        return checked

    def _value(self, name: str, value: object) -> str:
        if not self.name.fullmatch(name):
            raise InvalidParameterError(
                "The name of a header has letters a-z and A-Z, digits and hyphens, the last not at its ends."
            )
        if name.lower().startswith("x-appwrite-"):
            raise InvalidParameterError("Headers that begin with x-appwrite- are set by the server.")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InvalidParameterError("The value of a header is text.")
        text = str(value)
        if not self.value.fullmatch(text):
            raise InvalidParameterError("The value of a header has no control characters, and is Latin text.")
        return text
