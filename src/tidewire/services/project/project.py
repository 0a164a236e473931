"""The project of the request: reading and deleting it, and its services, protocols and ways to sign in.

What is switched off is closed to users and guests; keys and the people who manage the project may use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

import msgspec

from tidewire.core.checks.lists import Items
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import Alphanumeric, Choice
from tidewire.core.events import Event
from tidewire.core.models import Project
from tidewire.core.project_settings import AUTH_METHODS, PROTOCOLS, SERVICES, ProjectSettings
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.records import change_project, change_settings, managed_project, project_of
from tidewire.services.publishing import event_of
from tidewire.store.instance.instance import Project as StoredProject

Labels = Annotated[Sequence[str], Items(Alphanumeric(1, 36), 1000)]


@operations.declare("get", "GET", "/project", aliases=("/projects/{projectId}",), scopes=("project.read",))
async def get(context: Context) -> Project:
    """Get the project."""
    return project_of(managed_project(context))


@operations.declare(
    "updateLabels",
    "PUT",
    "/project/labels",
    aliases=("/projects/{projectId}/labels",),
    scopes=("project.write",),
)
async def update_labels(context: Context, labels: Labels) -> Project:
    """Replace the labels of the project; repeated ones count once."""
    unique = tuple(dict.fromkeys(labels))
    return project_of(await change_project(context, lambda project: replace(project, labels=unique)))


@operations.declare(
    "delete", "DELETE", "/project", aliases=("/projects/{projectId}",), scopes=("project.write",)
)
async def delete(context: Context) -> None:
    """Delete the project with everything that belongs to it."""
    await context.instance.delete_project(managed_project(context).id)


Enabled = Annotated[bool, TrueOrFalse()]

AUTH_METHOD_UPDATED: Final = "authMethod.[methodId].update"
SERVICE_UPDATED: Final = "services.[serviceId].update"
PROTOCOL_UPDATED: Final = "protocols.[protocolId].update"


@operations.declare(
    "updateAuthMethod",
    "PATCH",
    "/project/auth-methods/{methodId}",
    aliases=("/projects/{projectId}/auth/{methodId}",),
    scopes=("project.write",),
    event=AUTH_METHOD_UPDATED,
)
async def update_auth_method(
    context: Context, method_id: Annotated[str, Choice(AUTH_METHODS)], enabled: Enabled
) -> Project:
    """Switch a way to sign in on or off."""
    return await _switch(
        context, "disabled_auth_methods", AUTH_METHOD_UPDATED, "methodId", method_id, enabled
    )


@operations.declare(
    "updateService",
    "PATCH",
    "/project/services/{serviceId}",
    aliases=("/project/services/{serviceId}/status", "/projects/{projectId}/service"),
    scopes=("project.write",),
    event=SERVICE_UPDATED,
)
async def update_service(
    context: Context, service_id: Annotated[str, Choice(SERVICES)], enabled: Enabled
) -> Project:
    """Switch a service on or off."""
    return await _switch(context, "disabled_services", SERVICE_UPDATED, "serviceId", service_id, enabled)


@operations.declare(
    "updateProtocol",
    "PATCH",
    "/project/protocols/{protocolId}",
    aliases=("/project/protocols/{protocolId}/status", "/projects/{projectId}/api"),
    scopes=("project.write",),
    event=PROTOCOL_UPDATED,
)
async def update_protocol(
    context: Context, protocol_id: Annotated[str, Choice(PROTOCOLS)], enabled: Enabled
) -> Project:
    """Switch a protocol on or off."""
    return await _switch(context, "disabled_protocols", PROTOCOL_UPDATED, "protocolId", protocol_id, enabled)


async def _switch(
    context: Context, setting: str, pattern: str, parameter: str, name: str, enabled: bool
) -> Project:
    def change(settings: ProjectSettings) -> ProjectSettings:
        disabled: frozenset[str] = getattr(settings, setting)
        changed = disabled - {name} if enabled else disabled | {name}
        return msgspec.structs.replace(settings, **{setting: changed})

    def told(project: StoredProject) -> Event:
        return event_of(context, pattern, {parameter: name}, project_of(project))

    return project_of(await change_settings(context, change, told))
