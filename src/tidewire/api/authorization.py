"""Whether a caller may use an operation at all; the operation itself looks at permissions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from tidewire.api.registry import Endpoint, Match
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller, Identity
from tidewire.core.project_settings import SERVICES
from tidewire.core.second_factors import NEEDS_SECOND_FACTOR, second_factor_fresh, second_factor_missing
from tidewire.core.time import now
from tidewire.services.unbuilt import Unbuilt, unbuilt
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Project

Protocol = Literal["rest", "graphql"]
"""How a call comes, as projects switch it on and off."""

_SUBJECTS: Final = {"guest": "A guest", "user": "The user", "key": "The API key", "admin": "The user"}
_UNKNOWN_KEY: Final = "The API key is not known in this project: it is wrong, or was deleted. A guest"


_OF_PROJECTS: Final = frozenset({
    "databases", "documentsdb", "functions", "messaging", "project", "sites", "tablesdb", "vectorsdb",
    "webhooks",
})  # fmt: skip
"""Services that the console itself does not have."""
_OF_CONSOLE: Final = frozenset({"console", "projects"})
"""Services that only the console has."""
_BY_SEGMENT: Final = {
    "reports": "advisor",
    **{each: each for each in ("avatars", "functions", "graphql", "messaging", "proxy")},
}
"""First segments of paths to the services that such a path counts to even if it leads to no operation.

Where one of these is switched off, it is refused as switched off, not as a route that there is not."""


def service_of(match: Match | None, method: str, path: str) -> str:
    """The service that a request is about, as it can be switched off; empty if there is none.

    ``path`` begins with ``/v1/``. If it leads to no operation, it may be one that is known and not built,
    else its first segment tells, for some services.
    """
    if match is not None:
        return match.route.endpoint.service
    row = unbuilt_operation(method, path)
    if row is not None:
        return row.service
    return _BY_SEGMENT.get(path.split("/", 3)[2] if path.count("/") > 1 else "", "")


def unbuilt_operation(method: str, path: str) -> Unbuilt | None:
    """What is known and not built at a path that begins with ``/v1/``."""
    return unbuilt(method, path.removeprefix("/v1"))


def require_place(service: str, project: Project, *, named: bool, admin_mode: bool) -> None:
    """Refuse what there is not in the project, whoever asks.

    ``named``: the request says which project it is about. Raises ``general_access_forbidden``, and
    ``general_bad_request`` for admin mode in the console.
    """
    in_console = project.id == CONSOLE_PROJECT_ID
    if in_console and admin_mode:
        raise TidewireError(
            "general_bad_request", "There is no admin mode for the console: name a project, or leave it out."
        )
    if in_console and service in _OF_PROJECTS:
        message = (
            "The console has no such service: its id is no project of yours. Set the id of your project."
            if named
            else "The request names no project. Set the id of your project in the SDK (X-Appwrite-Project)."
        )
        raise TidewireError("general_access_forbidden", message)
    if not in_console and service in _OF_CONSOLE:
        message = "Only the console has this service: name no project, or the project console."
        raise TidewireError("general_access_forbidden", message)


def require_enabled(caller: Caller, service: str, project: Project, protocol: Protocol) -> None:
    """Refuse clients what the project has switched off; its keys and its people may use it.

    Raises ``general_service_disabled`` or ``general_api_disabled``.
    """
    if caller.bypasses_permissions:
        return
    settings = project.settings
    if service in settings.disabled_services and service in SERVICES:
        raise TidewireError("general_service_disabled", f"The service {service} is switched off.")
    if protocol in settings.disabled_protocols:
        raise TidewireError("general_api_disabled", f"The {protocol} API of this project is switched off.")


def authorise(caller: Caller, endpoint: Endpoint, project: Project, protocol: Protocol) -> None:
    """Refuse a caller who may not use the operation, or not by this protocol.

    Raises :class:`TidewireError` ``general_service_disabled``, ``general_api_disabled``, ``team_not_found``,
    ``general_unauthorized_scope``, ``user_blocked``, ``user_more_factors_required``,
    ``user_challenge_required`` or ``user_session_already_exists``.
    """
    service = endpoint.service
    require_enabled(caller, service, project, protocol)
    if service == "organization" and caller.kind == "user" and not caller.organization_id:
        message = "There is no such team: X-Appwrite-Organization must name one of yours."
        raise TidewireError("team_not_found", message)
    require_scope(caller, endpoint.operation.scopes)
    if caller.identity is None:
        return
    for identity in (caller.impersonator, caller.identity):
        if identity is not None:
            _require_sound(identity, endpoint, project)
    if endpoint.sessionless:
        raise TidewireError(
            "user_session_already_exists", "A session is active: delete it before creating another one."
        )


def require_scope(caller: Caller, scopes: tuple[str, ...]) -> None:
    """Refuse a caller who has none of these scopes: ``general_unauthorized_scope``."""
    if caller.scopes.isdisjoint(scopes):
        who = _UNKNOWN_KEY if caller.unknown_key else _SUBJECTS[caller.kind]
        raise TidewireError("general_unauthorized_scope", f"{who} lacks the scope ({', '.join(scopes)}).")


def require_team(caller: Caller, endpoint: Endpoint, given: Mapping[str, object]) -> None:
    """Refuse people who name no team where what they may do depends on it: ``general_unauthorized_scope``."""
    if endpoint.scoped_by_team and caller.kind == "user" and not given.get("teamId"):
        raise TidewireError("general_unauthorized_scope", "Name a team (teamId) that you may do this for.")


def _require_sound(identity: Identity, endpoint: Endpoint, project: Project) -> None:
    """Refuse a blocked user, and one whose session lacks the second factor that it needs."""
    if not identity.account.status:
        raise TidewireError("user_blocked", "This user is blocked.")
    if not endpoint.completes_sign_in and second_factor_missing(identity, project.settings.mfa_factors):
        raise TidewireError("user_more_factors_required", NEEDS_SECOND_FACTOR)
    if endpoint.needs_fresh_factor and not second_factor_fresh(identity, now()):
        raise TidewireError("user_challenge_required", "Show a second factor again: complete a challenge.")
