"""Scopes: what a role or an API key may do at all, before any permission is looked at."""

from __future__ import annotations

from typing import Final


def _scopes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GUESTS: Final = _scopes(
    """
    global public home console graphql sessions.write documents.read documents.write rows.read
    rows.write embeddings.write files.read files.write locale.read avatars.read
    executions.write
    """
)
_USERS: Final = _scopes(
    """
    global public home console graphql sessions.write account teams.read teams.write
    presences.read presences.write documents.read documents.write rows.read rows.write
    embeddings.write files.read files.write projects.read locale.read avatars.read
    executions.read executions.write targets.read targets.write subscribers.write
    subscribers.read assistant.read rules.read
    """
)
_DEVELOPER: Final = _scopes(
    """
    global graphql sessions.write teams.read teams.write documents.read documents.write
    rows.read rows.write embeddings.write files.read files.write buckets.read buckets.write
    users.read users.write presences.read presences.write databases.read databases.write
    collections.read collections.write tables.read tables.write platforms.read platforms.write
    mocks.read mocks.write project.policies.read project.policies.write project.oauth2.read
    project.oauth2.write templates.read templates.write projects.write keys.read keys.write
    devKeys.read devKeys.write webhooks.read webhooks.write project.read project.write
    locale.read avatars.read health.read functions.read functions.write sites.read sites.write
    log.read log.write executions.read executions.write rules.read rules.write migrations.read
    migrations.write vcs.read vcs.write targets.read targets.write providers.write
    providers.read messages.write messages.read topics.write topics.read subscribers.write
    subscribers.read tokens.read tokens.write schedules.read schedules.write stages.read
    stages.write insights.read insights.write reports.read reports.write
    realtime.read realtime.write
    """
)

ROLE_SCOPES: Final[dict[str, frozenset[str]]] = {
    "guests": _GUESTS,
    "users": _USERS,
    "admin": _DEVELOPER,
    "developer": _DEVELOPER,
    "owner": _USERS | _DEVELOPER,
    "keys": _scopes("global health.read graphql"),
}
"""Scopes that each application role holds without a key.

``admin``, ``developer`` and ``owner`` are people acting on a project from the console, by their role in
the team that owns it; ``keys`` is added to the scopes of every API key.
"""

PROJECT_KEY_SCOPES: Final = _scopes(
    """
    project.read project.write keys.read keys.write platforms.read platforms.write mocks.read
    mocks.write policies.read policies.write project.policies.read project.policies.write
    project.oauth2.read project.oauth2.write templates.read templates.write stages.read
    stages.write users.read users.write sessions.read sessions.write teams.read teams.write
    databases.read databases.write tables.read tables.write columns.read columns.write
    indexes.read indexes.write rows.read rows.write embeddings.write collections.read
    collections.write attributes.read attributes.write documents.read documents.write
    buckets.read buckets.write files.read files.write tokens.read tokens.write functions.read
    functions.write executions.read executions.write execution.read execution.write sites.read
    sites.write log.read log.write providers.read providers.write topics.read topics.write
    subscribers.read subscribers.write targets.read targets.write messages.read messages.write
    rules.read rules.write webhooks.read webhooks.write locale.read avatars.read health.read
    assistant.read migrations.read migrations.write schedules.read schedules.write vcs.read
    vcs.write insights.read insights.write reports.read reports.write presences.read
    presences.write realtime.read realtime.write
    """
)
"""Scopes that an API key of a project can carry."""

EXTENSION_SCOPES: Final = _scopes("realtime.read realtime.write")
"""The scopes that are Tidewire's own."""

DEPRECATED_KEY_SCOPES: Final = _scopes(
    """
    policies.read policies.write collections.read collections.write attributes.read
    attributes.write documents.read documents.write execution.read execution.write
    """
)
"""Older names among :data:`PROJECT_KEY_SCOPES`: still accepted, no longer offered."""

ORGANIZATION_KEY_SCOPES: Final = _scopes("projects.read projects.write devKeys.read devKeys.write")
"""Scopes that a key of an organisation can carry."""

ACCOUNT_KEY_SCOPES: Final = _scopes("account teams.read teams.write")
"""Scopes that a key of a console account can carry."""

TEAM_ROLES: Final = ("owner", "developer", "admin")
"""Roles in a team of the console project that give scopes on the projects of the team."""

CONSOLE_SCOPES: Final = _scopes(
    "projects.read projects.write devKeys.read devKeys.write stages.read stages.write "
    "schedules.read schedules.write"
)
"""Scopes that roles in any team give on the console project itself.

They open the operations on projects and organisations, each of which looks at the role in the team that it is
about. Others, such as ``users.read``, would open the console's own users to everybody who has a team.
"""
