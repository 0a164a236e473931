"""What the scopes of keys are for, in words: the lists that people choose from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tidewire.core.scopes import DEPRECATED_KEY_SCOPES


@dataclass(frozen=True)
class ScopeEntry:
    """A scope that a key can carry."""

    name: str
    description: str
    category: str
    deprecated: bool = False


_OF_PROJECTS: Final = {
    "Project": {
        "project": "the project and its settings",
        "keys": "API keys",
        "platforms": "the web sites and apps of the project",
        "mocks": "mock phones",
        "policies": "the project's policies",
        "project.policies": "the project's policies",
        "project.oauth2": "OAuth2 providers",
        "templates": "the texts of mails",
        "stages": "the project's stages",
    },
    "Auth": {
        "users": "users",
        "sessions": "sessions of users",
        "teams": "teams and their members",
    },
    "Databases": {
        "databases": "databases",
        "tables": "tables",
        "columns": "columns",
        "indexes": "indexes",
        "rows": "rows",
        "embeddings": "embeddings of texts",
        "collections": "collections",
        "attributes": "attributes",
        "documents": "documents",
    },
    "Storage": {
        "buckets": "buckets",
        "files": "files",
        "tokens": "tokens that give access to files",
    },
    "Functions": {
        "functions": "functions and their deployments",
        "executions": "executions of functions",
        "execution": "executions of functions",
    },
    "Sites": {
        "sites": "sites and their deployments",
        "log": "logs of sites",
    },
    "Messaging": {
        "providers": "messaging providers",
        "topics": "topics",
        "subscribers": "subscribers of topics",
        "targets": "addresses and devices of users",
        "messages": "messages",
    },
    "Proxy": {"rules": "rules for domains"},
    "Other": {
        "webhooks": "webhooks",
        "locale": "countries, languages and currencies",
        "avatars": "generated pictures",
        "health": "the health of the server",
        "assistant": "the assistant",
        "migrations": "migrations",
        "schedules": "schedules",
        "vcs": "repositories",
    },
    "Advisor": {
        "insights": "insights",
        "reports": "reports",
    },
    "Presences": {"presences": "presences"},
    "Realtime": {"realtime": "custom channels, events, and open realtime connections"},
}
_OF_ORGANIZATIONS: Final = {
    "Projects": {"projects": "organization projects"},
    "Other": {"devKeys": "dev keys of the organisation's projects"},
}
_READ_ONLY: Final = frozenset({"locale", "avatars", "health", "assistant"})
_WRITE_ONLY: Final = frozenset({"embeddings"})


def _entries(table: dict[str, dict[str, str]], deprecated: frozenset[str]) -> Iterator[ScopeEntry]:
    for category, resources in table.items():
        for resource, what in resources.items():
            if resource not in _WRITE_ONLY:
                name = f"{resource}.read"
                yield ScopeEntry(name, f"Access to read {what}", category, name in deprecated)
            if resource not in _READ_ONLY:
                name = f"{resource}.write"
                yield ScopeEntry(
                    name, f"Access to create, update and delete {what}", category, name in deprecated
                )


PROJECT_SCOPES: Final = tuple(_entries(_OF_PROJECTS, DEPRECATED_KEY_SCOPES))
"""The scopes that keys of projects can carry."""

ORGANIZATION_SCOPES: Final = tuple(_entries(_OF_ORGANIZATIONS, frozenset({"devKeys.read", "devKeys.write"})))
"""The scopes that keys of organisations can carry."""
