"""Ways to sign in, services and protocols of the project, switched on and off.

What is switched off is closed to users and guests; keys and the people who manage the project pass.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import Choice
from tidewire.core.events import Event
from tidewire.core.models import Project
from tidewire.core.project_settings import AUTH_METHODS, PROTOCOLS, SERVICES, ProjectSettings
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.records import change_settings, project_of
from tidewire.services.publishing import event_of
from tidewire.store.instance.platform import Project as StoredProject

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
