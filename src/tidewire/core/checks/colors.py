"""Checks of colours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from tidewire.core.parameters import Check, InvalidParameterError


@dataclass(frozen=True)
class HexColor(Check):
    """A colour of 3 or 6 hexadecimal digits, without ``#``; empty: none."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if isinstance(value, str) and re.fullmatch(r"([0-9a-fA-F]{3}){0,2}", value):
            return value.lower()
        raise InvalidParameterError("Value must be a colour of 3 or 6 hexadecimal digits, without '#'.")

    def schema(self) -> dict[str, object]:
        return {"type": "string", "pattern": "^([0-9a-fA-F]{3}){0,2}$"}


Color = Annotated[str, HexColor()]
