"""Parameters of messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from tidewire.core.checks.lists import Items, JsonOrText
from tidewire.core.checks.names import Id
from tidewire.core.checks.numbers import Datetime, Int32, TrueOrFalse
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.ids import is_id
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.time import now


@dataclass(frozen=True)
class Listed(Items):
    """A list that a setting bounds, not the check."""

    maximum: int = 2**31

    def schema(self) -> dict[str, object]:
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True)
class FilePlace(Check):
    """The ids of a bucket and of a file in it, with a colon between them."""

    json_type = "string"
    details: ClassVar = {"maxLength": 73}

    def convert(self, value: object) -> tuple[str, str]:
        bucket, _, file = value.partition(":") if isinstance(value, str) else ("", "", "")
        if not (is_id(bucket) and is_id(file)):
            raise InvalidParameterError("Value must be the id of a bucket, a colon, and the id of a file.")
        return bucket, file


@dataclass(frozen=True)
class Future(Datetime):
    """A date and time later than now."""

    def convert(self, value: object) -> int:
        moment = super().convert(value)
        if moment <= now():
            raise InvalidParameterError("Value must be a time in the future.")
        return moment


Ids = Annotated[Sequence[str], Listed(Id())]
Files = Annotated[Sequence[Any], Listed(FilePlace())]
File = Annotated[Any, FilePlace()]
At = Annotated[int, Future()]
Switch = Annotated[bool, TrueOrFalse()]
Subject = Annotated[str, Text(1, 998)]
Content = Annotated[str, Text(1, 64230)]
Word = Annotated[str, Text(1, 256)]
Badge = Annotated[int, Int32()]
Data = Annotated[dict[str, Any], JsonOrText()]
Priority = Annotated[str, AnyCaseChoice(("normal", "high"))]
