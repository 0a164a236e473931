"""The services: what Tidewire offers to its users, one module or package each."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations
from tidewire.services.account import operations as account_operations
from tidewire.services.console import operations as console_operations
from tidewire.services.databases import OPERATIONS as DATABASES_OPERATIONS
from tidewire.services.embeddings import operations as embeddings_operations
from tidewire.services.health import operations as health_operations
from tidewire.services.locale import operations as locale_operations
from tidewire.services.organization import operations as organization_operations
from tidewire.services.ping import operations as ping_operations
from tidewire.services.presences import operations as presences_operations
from tidewire.services.project import operations as project_operations
from tidewire.services.projects import operations as projects_operations
from tidewire.services.realtime import operations as realtime_operations
from tidewire.services.storage import operations as storage_operations
from tidewire.services.teams import operations as teams_operations
from tidewire.services.users import operations as users_operations
from tidewire.services.webhooks import operations as webhooks_operations

ALL_OPERATIONS: Final[tuple[Operations, ...]] = (
    account_operations,
    console_operations,
    embeddings_operations,
    health_operations,
    locale_operations,
    organization_operations,
    ping_operations,
    presences_operations,
    project_operations,
    projects_operations,
    realtime_operations,
    storage_operations,
    *DATABASES_OPERATIONS.values(),
    teams_operations,
    users_operations,
    webhooks_operations,
)
"""The operations of every service."""
