"""Checks of ids, keys and other names that the server knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from tidewire.core.event_patterns import is_event_pattern
from tidewire.core.ids import is_id
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.scopes import PROJECT_KEY_SCOPES


@dataclass(frozen=True)
class Id(Check):
    """An id of an existing resource: 1 to 36 of ``A-Za-z0-9._-``, not starting with ``. _ -``."""

    json_type = "string"
    details: ClassVar = {"maxLength": 36, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}

    def convert(self, value: object) -> str:
        if isinstance(value, str) and is_id(value):
            return value
        raise InvalidParameterError(
            "An id has 1 to 36 characters, letters a-z and A-Z, digits, period, hyphen and underscore, "
            "and starts with a letter or digit."
        )


@dataclass(frozen=True)
class NewId(Id):
    """An id chosen by the client, or the literal ``unique()`` that asks the server for one."""

    details: ClassVar = {"maxLength": 36}

    def convert(self, value: object) -> str:
        return "unique()" if value == "unique()" else super().convert(value)


@dataclass(frozen=True)
class NewProjectId(Check):
    """The id of a project to be: lower-case letters, digits and hyphens, or ``unique()``."""

    json_type = "string"
    details: ClassVar = {"maxLength": 36}
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[a-z0-9][a-z0-9-]{0,35}")

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or (value != "unique()" and not self.pattern.fullmatch(value)):
            raise InvalidParameterError(
                "The id of a project has 1 to 36 characters, letters a-z, digits and hyphen, and does not "
                "start with a hyphen."
            )
        return value


@dataclass(frozen=True)
class KeyName(Check):
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

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": self.maximum, "pattern": f"^{self.pattern.pattern}$"}


@dataclass(frozen=True)
class EventPattern(Check):
    """The name of an event, ``*`` for any id."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not is_event_pattern(value):
            raise InvalidParameterError(
                f"{str(value)[:200]!r} is no name of events, such as buckets.*.files.*.create or users.*."
            )
        return value


@dataclass(frozen=True)
class KeyScope(Check):
    """A scope that API keys of projects can carry."""

    json_type = "string"
    details: ClassVar = {"enum": sorted(PROJECT_KEY_SCOPES)}

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or value not in PROJECT_KEY_SCOPES:
            raise InvalidParameterError(f"{str(value)[:64]!r} is no scope of API keys.")
        return value


ResourceId = Annotated[str, Id()]
CustomId = Annotated[str, NewId()]
