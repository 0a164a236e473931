"""What ``tidewire db export`` and ``import`` have in common: the table, the format, the progress."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tidewire.cli.instance import opened
from tidewire.cli.options import fail
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.row_files import Format, RowFileError
from tidewire.services.context import Client, Context
from tidewire.services.databases.row_transfer import TransferTable, find_place
from tidewire.services.passwords import PasswordHasher
from tidewire.settings import Settings
from tidewire.store.user_tables.tables import UserTable

STANDARD: Final = "-"
"""Stands for standard input or output."""


@dataclass(frozen=True)
class Named:
    """A table, as the command line names it."""

    project: str
    database: str
    table: str


def with_table(
    settings: Settings, named: Named, work: Callable[[TransferTable, UserTable], Awaitable[None]]
) -> None:
    """Do ``work`` on a table of the data directory; what goes wrong ends the program with one line."""
    try:
        asyncio.run(_run(settings, named, work))
    except KeyboardInterrupt:
        fail("interrupted; the same command goes on where this one ended", code=130)
    except BrokenPipeError:
        fail("nobody reads the output any more")
    except TidewireError as error:
        fail(error.message)
    except RowFileError as error:
        fail(str(error))
    except OSError as error:
        fail(str(error))


def format_of(path: str, given: str | None) -> Format:
    """The format that was asked for, or the one that the file's name says."""
    if given is not None:
        return "csv" if given == "csv" else "jsonl"
    return "csv" if Path(path).suffix.lower() == ".csv" else "jsonl"


def progress_bar() -> Progress:
    """A bar on standard error, if somebody looks at it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


async def _run(
    settings: Settings, named: Named, work: Callable[[TransferTable, UserTable], Awaitable[None]]
) -> None:
    async with opened(settings) as instance:
        with closing(PasswordHasher()) as passwords:
            store = await instance.project(named.project)
            if store is None:
                fail(f"there is no project {named.project!r}")
            context = Context(
                project=store.project,
                caller=Caller("admin", None, ()),
                client=Client("", ""),
                database=store.database,
                objects=store.objects,
                passwords=passwords,
                jwt_secret=instance.jwt_secret,
                settings=settings,
                instance=instance,
            )
            place, table = await find_place(context, named.database, named.table)
            await work(place, table)
