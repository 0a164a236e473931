"""Whether a caller may use an operation at all; the operation itself looks at permissions."""

from __future__ import annotations

from typing import Final

from tidewire.api.registry import Endpoint
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller, Identity
from tidewire.core.project_settings import SERVICES
from tidewire.core.second_factors import NEEDS_SECOND_FACTOR, second_factor_fresh, second_factor_missing
from tidewire.core.time import now
from tidewire.store.platform import Project

_SUBJECTS: Final = {"guest": "A guest", "user": "The user", "key": "The API key", "admin": "The user"}
_UNKNOWN_KEY: Final = "The API key is not known in this project: it is wrong, or was deleted. A guest"


def authorise(caller: Caller, endpoint: Endpoint, project: Project) -> None:
    """Refuse a caller who may not use the operation.

    Raises :class:`TidewireError` ``general_api_disabled``, ``general_service_disabled``,
    ``general_unauthorized_scope``, ``user_blocked``, ``user_more_factors_required``,
    ``user_challenge_required`` or ``user_session_already_exists``.
    """
    if not caller.bypasses_permissions:
        _require_enabled(endpoint, project)
    if endpoint.scopes.isdisjoint(caller.scopes):
        who = _UNKNOWN_KEY if caller.unknown_key else _SUBJECTS[caller.kind]
        needed = ", ".join(endpoint.operation.scopes)
        raise TidewireError("general_unauthorized_scope", f"{who} lacks the scope ({needed}).")
    for identity in (caller.impersonator, caller.identity):
        if identity is not None:
            _require_sound(identity, endpoint, project)
    if caller.identity is not None and endpoint.sessionless:
        raise TidewireError(
            "user_session_already_exists", "A session is active: delete it before creating another one."
        )


def _require_sound(identity: Identity, endpoint: Endpoint, project: Project) -> None:
    """Refuse a blocked user, and one whose session lacks the second factor that it needs."""
    if not identity.account.status:
        raise TidewireError("user_blocked", "This user is blocked.")
    if not endpoint.completes_sign_in and second_factor_missing(identity, project.settings.mfa_factors):
        raise TidewireError("user_more_factors_required", NEEDS_SECOND_FACTOR)
    if endpoint.needs_fresh_factor and not second_factor_fresh(identity, now()):
        raise TidewireError("user_challenge_required", "Show a second factor again: complete a challenge.")


def _require_enabled(endpoint: Endpoint, project: Project) -> None:
    settings = project.settings
    if "rest" in settings.disabled_protocols:
        raise TidewireError("general_api_disabled", "The REST API of this project is switched off.")
    service = endpoint.operation.service.lower()
    if service in settings.disabled_services and service in SERVICES:
        raise TidewireError("general_service_disabled", f"The service {service} is switched off.")
