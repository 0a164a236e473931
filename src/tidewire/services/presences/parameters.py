"""Parameters of presences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tidewire.core.checks.lists import JsonOrText, PermissionList
from tidewire.core.checks.texts import Text
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.presences import MAX_LIFETIME_MS, MAX_METADATA_BYTES, MAX_STATUS, PERMISSION_TYPES
from tidewire.core.time import now, parse_datetime


@dataclass(frozen=True)
class NearFuture(Check):
    """A date and time in ISO 8601, later than now but not by more than a presence may last."""

    json_type = "string"

    def convert(self, value: object) -> int:
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            raise InvalidParameterError("Value must be a date and time in ISO 8601.")
        if not 0 < moment - now() <= MAX_LIFETIME_MS:
            raise InvalidParameterError("Value must be in the future, at most 30 days from now.")
        return moment

    def catalog(self) -> dict[str, object]:
        return {"format": "datetime", "future": True}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "date-time"}


Status = Annotated[str, Text(1, MAX_STATUS)]
Permissions = Annotated[Sequence[str], PermissionList(PERMISSION_TYPES)]
ExpiresAt = Annotated[int, NearFuture()]
MetadataObject = Annotated[dict[str, Any], JsonOrText(MAX_METADATA_BYTES)]
