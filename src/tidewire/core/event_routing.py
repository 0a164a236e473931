"""The table of events that are published: where, and to whom.

A service with new events adds rows to :data:`ROUTES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tidewire.core.events import ACTIONS

RolesFrom = Literal["user", "team", "project team", "item", "parent"]
"""The source of the roles that receive an event: its user, its team, the team that owns the project, the
roles that may read the item, or those that may read its parent and, where the parent says so, the item."""


@dataclass(frozen=True, kw_only=True)
class EventRoute:
    """How the events of one kind of resource are published.

    In ``channels`` a segment in brackets is a parameter of the event, one in braces a key of the payload (the
    first of several that is there), and ``@project`` the project.
    """

    resource: str
    """The words of the pattern: ``buckets.files``; ``*`` is any second word without a route of its own."""
    channels: tuple[str, ...]
    roles: RolesFrom
    suffixed: bool = True
    """Whether actions are also published on channels of their own."""
    changes_permissions: frozenset[str] = frozenset()
    """Actions after which the roles of the event's user are not what they were."""
    to_console: bool = False
    """Delivered to connections of the console project instead of those of the event's own."""
    actions: frozenset[str] = frozenset()
    """Actions that are published; empty: all."""
    database_types: frozenset[str] = frozenset()
    """Types of database that the route is for; empty: all without a route of their own."""


_ACCOUNT: Final = ("account", "account.[userId]")
_CONSOLE: Final = ("console", "projects.@project")
_DOCUMENT: Final = (
    "documents",
    "databases.[databaseId].collections.{$tableId|$collectionId}.documents",
    "databases.[databaseId].collections.{$tableId|$collectionId}.documents.{$id}",
    "rows",
    "databases.[databaseId].tables.{$tableId|$collectionId}.rows",
    "databases.[databaseId].tables.{$tableId|$collectionId}.rows.{$id}",
    "tablesdb.[databaseId].tables.{$tableId|$collectionId}.rows",
    "tablesdb.[databaseId].tables.{$tableId|$collectionId}.rows.{$id}",
)
_PARTS: Final = ("attributes", "columns", "indexes")
_DEPLOYMENTS: Final = ("functions.deployments", "sites.deployments")


def _documents_of(database_type: str) -> EventRoute:
    """Documents of the kinds of database that have only one interface."""
    collection = f"{database_type}.[databaseId].collections.{{$tableId|$collectionId}}.documents"
    return EventRoute(
        resource="databases.collections.documents",
        channels=("documents", collection, collection + ".{$id}"),
        roles="parent",
        database_types=frozenset({database_type}),
    )


ROUTES: Final = (
    EventRoute(resource="users", channels=_ACCOUNT, roles="user"),
    EventRoute(resource="users.*", channels=_ACCOUNT, roles="user", suffixed=False),
    EventRoute(
        resource="teams",
        channels=("teams", "teams.[teamId]"),
        roles="team",
        changes_permissions=frozenset({"create"}),
    ),
    EventRoute(
        resource="teams.memberships",
        channels=("memberships", "memberships.[membershipId]"),
        roles="team",
        changes_permissions=ACTIONS,
    ),
    EventRoute(resource="databases.collections.documents", channels=_DOCUMENT, roles="parent"),
    EventRoute(resource="databases.tables.rows", channels=_DOCUMENT, roles="parent"),
    _documents_of("documentsdb"),
    _documents_of("vectorsdb"),
    *(
        EventRoute(resource=f"databases.{schema}", channels=_CONSOLE, roles="project team", to_console=True)
        for schema in (f"{table}.{part}" for table in ("collections", "tables") for part in _PARTS)
    ),
    EventRoute(
        resource="buckets.files",
        channels=("files", "buckets.{bucketId}.files", "buckets.{bucketId}.files.{$id}"),
        roles="parent",
    ),
    EventRoute(
        resource="functions.executions",
        channels=(*_CONSOLE, "executions", "executions.{$id}", "functions.{resourceId}"),
        roles="item",
    ),
    *(
        EventRoute(resource=resource, channels=_CONSOLE, roles="project team", to_console=True)
        for resource in ("rules", "migrations", "projects", "projects.*", *_DEPLOYMENTS)
    ),
    EventRoute(
        resource="messages",
        channels=_CONSOLE,
        roles="project team",
        to_console=True,
        actions=frozenset({"update"}),
    ),
    EventRoute(resource="reports", channels=("reports", "reports.[reportId]"), roles="project team"),
    EventRoute(
        resource="reports.insights",
        channels=(
            "reports",
            "reports.[reportId]",
            "reports.[reportId].insights",
            "reports.[reportId].insights.[insightId]",
        ),
        roles="project team",
    ),
    EventRoute(resource="presences", channels=("presences", "presences.{$id}"), roles="item"),
)
"""All events that are published; those without a route reach webhooks and functions only."""

_ROUTES_BY_RESOURCE: Final = {
    (route.resource, database_type): route
    for route in ROUTES
    for database_type in route.database_types or {""}
}


def find_route(words: tuple[str, ...], database_type: str) -> EventRoute | None:
    """The route of the resource with these words of the pattern; None if its events are not published."""
    resource = ".".join(words)
    keys = [(resource, database_type), (resource, "")]
    if len(words) > 1:
        keys.append((f"{words[0]}.*", ""))
    return next((_ROUTES_BY_RESOURCE[key] for key in keys if key in _ROUTES_BY_RESOURCE), None)
