"""Codes that are sent to phone numbers, and mock numbers, to which nothing is sent."""

from __future__ import annotations

from typing import NamedTuple

from tidewire.core.errors import TidewireError
from tidewire.services.context import Context
from tidewire.services.one_time import new_code


class PhoneCode(NamedTuple):
    """A code for a phone."""

    digits: str
    sent: bool
    """Whether it has to be sent. It need not to a mock number, whose code is known."""


def phone_code(context: Context, phone: str) -> PhoneCode:
    """A code for this number: the fixed one of a mock number of the project, else a new one."""
    for mock in context.project.settings.mock_numbers:
        if mock.number == phone:
            return PhoneCode(mock.otp, sent=False)
    return PhoneCode(new_code(), sent=True)


def require_text_messages(context: Context, phone: str) -> None:
    """Require that messages can be sent to this number; raises ``general_phone_disabled``."""
    if context.settings.sms_provider == "none" and not is_mock_number(context, phone):
        raise TidewireError("general_phone_disabled", "This server sends no text messages.")


def is_mock_number(context: Context, phone: str) -> bool:
    """Whether the number is a mock number of the project, to which nothing is sent."""
    return any(mock.number == phone for mock in context.project.settings.mock_numbers)
