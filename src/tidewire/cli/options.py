"""Command-line options made from the settings, so that each setting is declared once."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from tidewire.cli.settings import SettingsError, load_settings, setting_description
from tidewire.settings import Settings


def settings_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command ``--config`` and an option for each named setting (all if none is named).

    The command receives the checked ``settings``. A wrong setting ends the program with exit
    code 2 and one line that names it.
    """
    fields = [field for field in msgspec.structs.fields(Settings) if not names or field.name in names]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_settings(config: str | None, **given: Any) -> None:
            flags = {field.name: given.pop(field.name) for field in fields}
            try:
                settings = load_settings(flags, file=Path(config) if config else None)
            except SettingsError as error:
                fail(str(error), code=2)
            command(settings=settings, **given)

        wrapped: Callable[..., None] = with_settings
        for field in reversed(fields):
            wrapped = _option(field)(wrapped)
        return click.option("--config", metavar="FILE", help="TOML file with settings.")(wrapped)

    return decorate


def keep_private() -> None:
    """Let nobody but the owner read the files that this process makes, whatever the umask was."""
    os.umask(0o077)


def fail(message: str, code: int = 1) -> NoReturn:
    """End the program with one line on standard error."""
    click.echo(f"tidewire: {message}", err=True)
    raise SystemExit(code)


def _option(field: msgspec.structs.FieldInfo) -> Callable[[Callable[..., None]], Callable[..., None]]:
    flag = "--" + field.name.replace("_", "-")
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(default, bool):
        shown = "on" if default else "off"
        return click.option(
            f"{flag}/--no-{flag[2:]}",
            field.name,
            default=None,
            help=f"{setting_description(field)} [{shown}]",
        )
    shown = ",".join(default) if isinstance(default, list) else str(default)
    return click.option(
        flag, field.name, default=None, metavar="VALUE", help=f"{setting_description(field)} [{shown}]"
    )
