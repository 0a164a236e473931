"""``tidewire project``, ``key`` and ``dev-key``: work on a data directory, in use by a server or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from tidewire.cli.instance import opened
from tidewire.cli.options import fail
from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id, unique_id
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.core.time import format_datetime, now
from tidewire.settings import Settings
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import Instance

T = TypeVar("T")


def create_project(settings: Settings, project_id: str, name: str) -> None:
    """Create a project and print its id alone, for use in scripts."""
    project_id = unique_id() if project_id == "unique()" else project_id
    if not is_id(project_id):
        fail(
            f"{project_id!r} is not a project id: use 1 to 36 letters, digits, periods, hyphens, underscores",
            code=2,
        )
    project = with_instance(
        settings, lambda instance: instance.create_project(project_id, name or project_id), create=True
    )
    click.echo(project.id)


def list_projects(settings: Settings) -> None:
    """Print a table of all projects."""
    table = Table("Project", "Name", "Created")
    for project in with_instance(settings, lambda instance: instance.list_projects()):
        table.add_row(project.id, project.name, format_datetime(project.created_at))
    Console().print(table)


def create_key(settings: Settings, project_id: str, name: str, scopes: str, expires_in: float | None) -> None:
    """Create a key and print its secret alone, for use in scripts."""
    wanted = sorted(PROJECT_KEY_SCOPES) if scopes == "all" else [scope.strip() for scope in scopes.split(",")]
    unknown = [scope for scope in wanted if scope not in PROJECT_KEY_SCOPES]
    if unknown:
        fail(f"unknown scope {unknown[0]!r}; known are: {', '.join(sorted(PROJECT_KEY_SCOPES))}", code=2)
    expires = 0 if expires_in is None else now() + int(expires_in * 1000)
    _, secret = with_instance(
        settings, lambda instance: instance.create_key(project_id, name, frozenset(wanted), expires)
    )
    click.echo(secret)


def create_dev_key(settings: Settings, project_id: str, name: str, expires_in: float) -> None:
    """Create a dev key and print its secret alone, for use in scripts."""
    expires = now() + int(expires_in * 1000)
    click.echo(with_instance(settings, lambda instance: instance.create_dev_key(project_id, name, expires)))


def with_instance(settings: Settings, work: Callable[[Instance], Awaitable[T]], *, create: bool = False) -> T:
    """Do ``work`` on the data directory, there already unless ``create``; failures are told in a line."""

    async def run() -> T:
        async with opened(settings, create=create) as instance:
            return await work(instance)

    try:
        return asyncio.run(run())
    except TidewireError as error:
        fail(error.message)
    except StoreError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot use the data directory {settings.data_dir}: {error}")
