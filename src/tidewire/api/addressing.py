"""The address of a request: the project it is about, and the capacity in which its sender wants to act on
it."""

from __future__ import annotations

import msgspec

from tidewire.api.bodies import RequestParameters, from_query
from tidewire.api.registry import PROJECT_PLACEHOLDER, Match
from tidewire.api.requests import Request
from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.core.origins import is_origin, origin_allowed
from tidewire.identity.callers import sdk_of
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance, Project, ProjectStore


class Address(msgspec.Struct, frozen=True):
    """The project that a request is about, and how its sender approaches it."""

    store: ProjectStore | None
    """The stores of the project; None if there is no such project."""
    home: Project | None
    """The project whose pages may send the request; None if there is no such project."""
    admin: bool = False
    """Whether people show a session of the console and act as members of the team that owns the project."""
    by_dev_key: bool = False
    """Whether the request carries a dev key of the project."""
    ambiguous: bool = False
    """Whether the path is about one project and the request names another."""
    named: bool = True
    """Whether the request says which project it is about; otherwise it is about the console."""
    admin_mode: bool = False
    """Whether the request asks for admin mode, which the console itself does not have."""

    def admits(self, origin: str, hostnames: list[str]) -> bool:
        """Whether a page of this origin may send the request; ``hostnames`` are the server's own."""
        if self.by_dev_key:
            return not origin or is_origin(origin)
        if self.home is None:
            return origin_allowed(origin, "", (), hostnames)
        return origin_allowed(origin, self.home.id, self.home.platforms, hostnames)


async def find_address(
    request: Request, instance: Instance, match: Match | None, given: RequestParameters
) -> Address:
    """Find the project that a request names.

    One that names none is about the console, as requests are that look after a server. A path can name a
    project, as the older ones of the console do, which come with the console's session. In admin mode the
    page is one of the console, never of the project: those who may show a page of the project have not the
    rights of those who own it.
    """
    named = _named_project(request, given)
    in_path = match.project_id if match else ""
    project_id = in_path or named or CONSOLE_PROJECT_ID
    store = await instance.project(project_id) if is_id(project_id) else None
    admin_mode = _mode(request) == "admin"
    admin = project_id != CONSOLE_PROJECT_ID and (
        admin_mode or (bool(in_path) and named in {"", CONSOLE_PROJECT_ID})
    )
    elsewhere = _about(match)
    ambiguous = bool(elsewhere) and named not in {"", CONSOLE_PROJECT_ID, elsewhere}
    if store is None:
        return Address(None, None, ambiguous=ambiguous)
    by_dev_key = b"x-appwrite-dev-key" in request.headers and await _shows_dev_key(request, instance, store)
    console = instance.console if admin else None
    home = (console or store).project
    return Address(store, home, admin, by_dev_key, ambiguous, bool(in_path or named), admin_mode)


def _about(match: Match | None) -> str:
    """The project whose id stands in the path, whether the operation itself looks at it or not."""
    return match.values.get(PROJECT_PLACEHOLDER, "") if match else ""


async def _shows_dev_key(request: Request, instance: Instance, store: ProjectStore) -> bool:
    secret = request.header(b"x-appwrite-dev-key")
    key = await instance.keys.dev_key(store.project.id, secret) if secret else None
    if key is not None:
        instance.keys.note_access(key, sdk_of(request))
    return key is not None


def _named_project(request: Request, given: RequestParameters) -> str:
    """The project named by parameter, by header, or in the query beside a body."""
    project_id = given.values.get("project")
    if not isinstance(project_id, str) or not project_id:
        project_id = request.header(b"x-appwrite-project") or _in_query(request, "project")
    return project_id


def _mode(request: Request) -> str:
    named = b"x-appwrite-mode" in request.headers and request.header(b"x-appwrite-mode")
    return named or _in_query(request, "mode")


def _in_query(request: Request, name: str) -> str:
    if not request.query_string or name.encode() not in request.query_string:
        return ""
    try:
        value = from_query(request.query_string, strict=False).values.get(name)
    except TidewireError:
        return ""
    return value if isinstance(value, str) else ""
