"""Projects as rows of the instance's database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.core.onboarding import Stage
from tidewire.core.origins import Platform
from tidewire.core.project_settings import ProjectSettings
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.lists.search import search_text
from tidewire.store.records.notifications import delete_notifications_of_project
from tidewire.store.records.registered_platforms import platforms_of
from tidewire.store.records.rules import delete_rules_of_project
from tidewire.store.schema import projects

PROJECTS: Final = resource_list(
    projects,
    "teamId",
    "name",
    "accessedAt",
    "search",
    "labels",
    searchable=(projects.c.search,),
    columns={"accessedAt": projects.c.console_accessed_at},
)

CONSOLE_PROJECT_ID: Final = "console"
"""The project that people manage the other projects in."""

_PROJECT: Final = select(projects).where(projects.c.id == bindparam("project_id"))


@dataclass(frozen=True)
class Project:
    """A project."""

    id: str
    name: str
    team_id: str
    """Id of the team of the console project that owns it; empty: only the operator of the server does."""
    created_at: int
    """Milliseconds since the epoch."""
    updated_at: int
    platforms: tuple[Platform, ...] = ()
    settings: ProjectSettings = field(default_factory=ProjectSettings)
    region: str = "default"
    status: str = "active"
    labels: tuple[str, ...] = ()
    ping_count: int = 0
    pinged_at: int = 0
    """Milliseconds since the epoch; 0: never."""
    console_accessed_at: int = 0
    """Milliseconds since the epoch; 0: never."""
    onboarding: Mapping[str, Stage] = field(default_factory=dict)
    """Stages of the onboarding that are over, by id."""


def insert_project(connection: Connection, project: Project) -> None:
    """Add a project.

    Raises :class:`TidewireError` ``project_already_exists`` or ``project_reserved_project``.
    """
    if project.id.lower() == CONSOLE_PROJECT_ID:
        raise TidewireError("project_reserved_project", f"The project id {project.id!r} is reserved.")
    # Two ids that differ only in case would share a directory on some file systems.
    same = connection.scalar(select(projects.c.id).where(func.lower(projects.c.id) == project.id.lower()))
    if same is not None:
        raise TidewireError("project_already_exists", f"There is a project {same!r} already.")
    try:
        connection.execute(
            insert(projects), {"id": project.id, "created_at": project.created_at, **_columns(project)}
        )
    except IntegrityError:
        raise TidewireError("project_already_exists", f"There is a project {project.id!r} already.") from None


def change_project(
    connection: Connection, project_id: str, change: Callable[[Project], Project], session_duration: int
) -> Project:
    """Replace what is stored of a project by what ``change`` makes of it; platforms are not part of that.

    Raises :class:`TidewireError` ``project_not_found``, and what ``change`` raises.
    """
    project = find_project(connection, project_id, session_duration)
    if project is None:
        raise project_not_found()
    changed = change(project)
    columns = _columns(changed)
    if changed.settings != project.settings:
        # Until then the sessions of the project last as long as the server says.
        columns["settings"] = msgspec.to_builtins(changed.settings)
    connection.execute(update(projects).where(projects.c.id == project_id).values(**columns))
    return replace(changed, updated_at=columns["updated_at"])


def delete_project(connection: Connection, project_id: str) -> None:
    """Delete the row of a project and all that other rows say of it."""
    delete_rules_of_project(connection, project_id)
    delete_notifications_of_project(connection, project_id)
    connection.execute(delete(projects).where(projects.c.id == project_id))


# msgspec 0.22 looks up the fields of a class when they are first needed; two threads that need them at once
# end the process. So it is done here, while there is one.
_decoder: Final = msgspec.json.Decoder(ProjectSettings)


def find_project(connection: Connection, project_id: str, session_duration: int) -> Project | None:
    """The project with this id. ``session_duration`` is that of projects which have not set their own."""
    if not is_id(project_id):
        return None
    row = connection.execute(_PROJECT, {"project_id": project_id}).first()
    return project_of(connection, row, session_duration) if row is not None else None


def projects_of_teams(connection: Connection, teams: Collection[str]) -> list[tuple[str, str]]:
    """The projects that these teams own: pairs of the project's id and the team's."""
    owned = select(projects.c.id, projects.c.team_id).where(projects.c.team_id.in_(teams))
    return [(row.id, row.team_id) for row in connection.execute(owned)]


def list_projects(
    connection: Connection,
    teams: Collection[str],
    single: Collection[tuple[str, str]],
    queries: Sequence[str],
    search: str,
    total: bool,
    session_duration: int,
) -> tuple[int, list[Project]]:
    """A page of the projects of these teams, and of ``single`` ones (team and id), and how many there are.

    Raises what :func:`list_rows` raises.
    """
    each = [and_(projects.c.team_id == team, projects.c.id == project) for team, project in sorted(single)]
    within = or_(projects.c.team_id.in_(sorted(teams)), *each)
    count, rows = list_rows(connection, PROJECTS, queries, search, [within], total)
    return count, [project_of(connection, row, session_duration) for row in rows]


def project_of(connection: Connection, row: Row[Any], session_duration: int) -> Project:
    """The project of a row of ``projects``."""
    return Project(
        id=row.id,
        name=row.name,
        team_id=row.team_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        platforms=platforms_of(connection, row.id),
        settings=msgspec.convert({"session_duration": session_duration, **row.settings}, ProjectSettings),
        region=row.region,
        status=row.status,
        labels=tuple(row.labels),
        ping_count=row.ping_count,
        pinged_at=row.pinged_at,
        console_accessed_at=row.console_accessed_at,
        onboarding=msgspec.convert(row.onboarding, dict[str, Stage]),
    )


def project_not_found() -> TidewireError:
    """The error for a project that does not exist, or not for this caller."""
    return TidewireError("project_not_found", "There is no such project; see the header X-Appwrite-Project.")


def project_unavailable() -> TidewireError:
    """The error for a project whose database is missing or damaged."""
    message = "The database of this project is missing or damaged; the log of the server says more."
    return TidewireError("project_database_unavailable", message)


def _columns(project: Project) -> dict[str, Any]:
    """The columns of a project that can change, without its settings."""
    return {
        "updated_at": now(),
        "name": project.name,
        "team_id": project.team_id,
        "region": project.region,
        "status": project.status,
        "labels": list(project.labels),
        "ping_count": project.ping_count,
        "pinged_at": project.pinged_at,
        "console_accessed_at": project.console_accessed_at,
        "onboarding": msgspec.to_builtins(dict(project.onboarding)),
        "search": search_text(project.id, project.name),
    }
