"""The project of a request: found, changed, and shown as the API answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

import msgspec

from tidewire.core import models
from tidewire.core.events import Event
from tidewire.core.models import ProjectAuthMethod, ProjectProtocol, ProjectService
from tidewire.core.project_settings import AUTH_METHODS, PROTOCOLS, SERVICES, ProjectSettings
from tidewire.core.time import format_datetime
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.publishing import project_event
from tidewire.services.unbuilt import UNBUILT_SERVICES
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Project
from tidewire.store.records.pending_events import keep_event
from tidewire.store.records.projects import project_not_found

T = TypeVar("T")
Told = Callable[[Project], Event]
SettingsChange = Callable[[ProjectSettings], ProjectSettings]


def managed_project(context: Context) -> Project:
    """The project of the request, if it is one that people manage.

    The console project is the server's own: for these operations it does not exist. Raises
    ``project_not_found``.
    """
    if context.project.id == CONSOLE_PROJECT_ID:
        raise project_not_found()
    return context.project


async def change_project(
    context: Context,
    change: Callable[[Project], Project],
    pattern: str = "",
    parameters: Mapping[str, str] | None = None,
) -> Project:
    """Store what ``change`` makes of the project of the request.

    With a ``pattern`` the same transaction has an event for people of the console; its parameters are the id
    of the project and those that are given.
    """
    project_id = managed_project(context).id

    def announce(transaction: Transaction, project: Project) -> None:
        known = {"projectId": project_id, **(parameters or {})}
        # The transaction is one of the console project, in whose log people see the event.
        transaction.append(
            project_event(project, context.caller.user_id, pattern, known, project_of(project))
        )

    return await context.instance.update_project(project_id, change, announce if pattern else None)


async def change_settings(context: Context, change: SettingsChange, told: Told | None = None) -> Project:
    """Store what ``change`` makes of the settings of the project of the request.

    ``told`` makes the event for the project itself, from the changed project.
    """
    database = context.database

    def announce(transaction: Transaction, project: Project) -> None:
        if told is not None:
            keep_event(transaction.connection, database.project_id, told(project))

    changed = await context.instance.update_project(
        managed_project(context).id,
        lambda project: replace(project, settings=change(project.settings)),
        announce if told else None,
    )
    if told:
        await context.instance.relay_events(database)
    return changed


async def change_in_instance(
    context: Context, unit: Callable[[Connection], T], told: Callable[[T], Event]
) -> T:
    """Change rows of the project in the instance's database, and relay the event to the project.

    ``told`` makes the event from what ``unit`` returns. It is kept in the same transaction, and reaches the
    project's log even after a crash in between.
    """

    def with_event(transaction: Transaction) -> T:
        result = unit(transaction.connection)
        keep_event(transaction.connection, context.database.project_id, told(result))
        return result

    result = await context.instance.database.write(with_event)
    await context.instance.relay_events(context.database)
    return result


def project_of(project: Project) -> models.Project:
    """The project as the API shows it, nothing secret in it."""
    settings = project.settings
    smtp = msgspec.structs.asdict(settings.smtp) | {"password": ""}
    return shown(
        models.Project,
        project,
        dev_keys=[],
        **{f"smtp_{name}": value for name, value in smtp.items()},
        onboarding={
            stage_id: {"status": stage.status, "at": format_datetime(stage.at), "actorType": stage.actor_type}
            for stage_id, stage in project.onboarding.items()
        },
        auth_methods=[
            ProjectAuthMethod(id=method, enabled=method not in settings.disabled_auth_methods)
            for method in AUTH_METHODS
        ],
        services=[
            ProjectService(
                id=service,
                enabled=service not in settings.disabled_services,
                available=service not in UNBUILT_SERVICES,
            )
            for service in SERVICES
        ],
        protocols=[
            ProjectProtocol(id=protocol, enabled=protocol not in settings.disabled_protocols)
            for protocol in PROTOCOLS
        ],
        blocks=[],
        waf_enabled=False,
    )
