"""``tidewire settings``: prints the present values."""

from __future__ import annotations

from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from tidewire.cli.settings import ENVIRONMENT_PREFIX, is_secret, setting_description
from tidewire.settings import Settings

_USUAL: Final = Settings()


def show_settings(settings: Settings) -> None:
    """Print a table of all settings with their present values."""
    table = Table("Setting", "Environment", "Value", "Meaning")
    for field in msgspec.structs.fields(Settings):
        value = getattr(settings, field.name)
        shown = "(set)" if is_secret(field) and value != getattr(_USUAL, field.name) else str(value)
        table.add_row(field.name, ENVIRONMENT_PREFIX + field.name.upper(), shown, setting_description(field))
    Console().print(table)
