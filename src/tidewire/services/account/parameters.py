"""Parameters that several account operations have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tidewire.core.checks.addresses import RedirectUrl
from tidewire.core.checks.texts import Text


@dataclass(frozen=True)
class _OptionalRedirectUrl(RedirectUrl):
    """An address that users are sent to; the empty text stands for none."""

    def convert(self, value: object) -> str:
        return "" if value == "" else super().convert(value)


Redirect = Annotated[str, RedirectUrl()]
OptionalRedirect = Annotated[str, _OptionalRedirectUrl()]
ShownSecret = Annotated[str, Text(1, 256)]
"""What a user got by mail or phone and shows now."""
