"""Parameters of custom channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tidewire.core.checks.numbers import Whole
from tidewire.core.checks.texts import Text
from tidewire.core.custom_channels import (
    MAX_IDEMPOTENCY_KEY,
    MAX_NAME,
    MAX_ROLES,
    InvalidRoleError,
    is_channel_name,
    is_channel_pattern,
    parse_roles,
)
from tidewire.core.parameters import Check, InvalidParameterError

_MOST_PER_SECOND = 1_000_000


@dataclass(frozen=True)
class ChannelName(Check):
    """The name of a custom channel."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not is_channel_name(value):
            raise InvalidParameterError(
                f"A channel's name has at most {MAX_NAME} characters: letters, digits, hyphens and "
                "underscores, in segments that are separated by dots, begin with a letter or digit and are "
                "neither 'members' nor 'messages'."
            )
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": MAX_NAME}


@dataclass(frozen=True)
class ChannelPattern(ChannelName):
    """The name of a custom channel, or of a family of them: ``chat.*``."""

    def convert(self, value: object) -> str:
        if isinstance(value, str) and is_channel_pattern(value):
            return value
        return super().convert(value)


@dataclass(frozen=True)
class RoleList(Check):
    """Roles, plain or as permissions of the types ``actions``."""

    json_type = "array"
    actions: tuple[str, ...]

    def convert(self, value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InvalidParameterError("Roles must be an array of strings.")
        try:
            return parse_roles(value, self.actions)
        except InvalidRoleError as error:
            raise InvalidParameterError(str(error)) from None

    def schema(self) -> dict[str, object]:
        return {"type": "array", "maxItems": MAX_ROLES, "items": {"type": "string"}}


@dataclass(frozen=True)
class Payload(Check):
    """Any JSON object; its size is a setting's to bound."""

    json_type = "object"

    def convert(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidParameterError("Value must be a JSON object.")
        return value


Channel = Annotated[str, ChannelName()]
Pattern = Annotated[str, ChannelPattern()]
Readers = Annotated[Sequence[str], RoleList(("read",))]
Publishers = Annotated[Sequence[str], RoleList(("create", "write"))]
Rate = Annotated[int, Whole(0, _MOST_PER_SECOND)]
MessagePayload = Annotated[dict[str, Any], Payload()]
IdempotencyKey = Annotated[str, Text(1, MAX_IDEMPOTENCY_KEY)]
