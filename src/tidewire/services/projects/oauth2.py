"""The settings of a provider that users sign in with, as older clients set them.

They write everything that is not the id as the secret: the secret alone, or a JSON object of it and the rest.
Nothing is tried out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec

from tidewire.core import models
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import Choice, Text
from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.core.project_settings import OAuthSettings
from tidewire.oauth.fields import fields_of
from tidewire.services.context import Context
from tidewire.services.oauth.registrations import settings_of, with_settings
from tidewire.services.project.records import project_of
from tidewire.services.projects import operations
from tidewire.services.projects.access import find_accessible_project
from tidewire.store.instance.instance import Project


@operations.declare("updateOAuth2Legacy", "PATCH", "/projects/{projectId}/oauth2", scopes=("projects.write",))
async def update_oauth2_legacy(
    context: Context,
    project_id: ResourceId,
    provider: Annotated[str, Choice(tuple(OAUTH_PROVIDERS))],
    app_id: Annotated[str, Text(1, 256)] | None = None,
    secret: Annotated[str, Text(1, 512)] | None = None,
    enabled: Annotated[bool, TrueOrFalse()] | None = None,
) -> models.Project:
    """Change the settings of a provider; what is not given stays."""
    project = await find_accessible_project(context, project_id, "projects.write")
    written, options = _parts(provider, secret) if secret is not None else (None, {})
    sealed = written and context.encryption.seal(written)

    def change(current: Project) -> Project:
        before = settings_of(current.settings, provider)
        changed = OAuthSettings(
            enabled=before.enabled if enabled is None else enabled,
            client_id=before.client_id if app_id is None else app_id,
            secret=before.secret if sealed is None else sealed,
            options={**before.options, **options},
        )
        return replace(current, settings=with_settings(current.settings, provider, changed))

    return project_of(await context.instance.update_project(project.id, change))


def _parts(provider: str, text: str) -> tuple[str | None, dict[str, Any]]:
    """The secret itself, None if it is not among the rest, and the rest by the names of today."""
    fields = fields_of(provider)
    try:
        found = msgspec.json.decode(text) if fields.options else None
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return text, {}
    found = {name.lower(): value for name, value in found.items()}  # some write userinfoEndpoint
    secret = found.get(fields.secret.older.lower())
    options = {
        each.name: found[each.older.lower()]
        for each in fields.options
        if _fits(each.kind, found.get(each.older.lower()))
    }
    return (secret if isinstance(secret, str) else None), options


def _fits(kind: str, value: object) -> bool:
    if kind == "prompt":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind == "age":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, str)
