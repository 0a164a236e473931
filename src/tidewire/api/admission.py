"""Admission of a request: which project it is about, who sends it, and whether they may do what it asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tidewire.api.addressing import Address, find_address
from tidewire.api.asgi import Headers
from tidewire.api.authorization import (
    Protocol,
    authorise,
    require_enabled,
    require_place,
    require_scope,
    service_of,
    unbuilt_operation,
)
from tidewire.api.bodies import (
    RequestParameters,
)
from tidewire.api.collaborators import Collaborators
from tidewire.api.origins import VARY, allow_headers, unknown_origin
from tidewire.api.registry import PROJECT_PLACEHOLDER, Match
from tidewire.api.requests import Request
from tidewire.api.sharing import share_of
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.identity.callers import identify
from tidewire.store.engine.failures import is_unanswered
from tidewire.store.engine.reading import present_share
from tidewire.store.instance.instance import Project, ProjectStore
from tidewire.store.records.projects import project_not_found

UNAVAILABLE: Final = "project_database_unavailable"


class Admission:
    """The admission of one request."""

    __slots__ = ("_known", "api", "cors", "protocol", "remembers", "request")

    def __init__(self, api: Collaborators, request: Request, protocol: Protocol = "rest") -> None:
        self.api = api
        self.protocol = protocol
        self.request = request
        self.remembers = False
        """Whether who sends the request is found out once, for all that it reads."""
        self._known: tuple[Address, ProjectStore, Caller] | None = None
        self.cors: Headers = [VARY]
        """Headers that let the page that sent the request read the answer, as far as it may."""

    async def admitted(
        self, match: Match | None, given: RequestParameters
    ) -> tuple[Match, ProjectStore, Caller]:
        """The operation and the project that the request is about, and who may call it there."""
        store, caller = await self.identified(match, given)
        if match is None:
            raise self._no_operation(caller)
        authorise(caller, match.endpoint, store.project, self.protocol)
        present_share.set(share_of(caller, self.request, store.project.id, self.api.settings))
        return match, store, caller

    async def identified(self, match: Match | None, given: RequestParameters) -> tuple[ProjectStore, Caller]:
        """The project that the request is about, and who sends it.

        Without an operation, what the path is about must be something that can be switched off, and on.
        """
        if self._known is not None and match is not None and PROJECT_PLACEHOLDER not in match.values:
            known, found, sender = self._known
            self._require_place(match.endpoint.service, known, found.project)
            return found, sender
        address = await find_address(self.request, self.api.instance, match, given)
        service = service_of(match, self.request.method, self.request.path)
        if address.store is not None and not address.ambiguous:
            self._require_place(service, address, address.store.project)
        may_call = self._may_call(address, match)
        if match is None and not service:
            raise TidewireError("general_route_not_found", "There is no such route.")
        if address.ambiguous:
            message = "The path and the request's X-Appwrite-Project name different projects."
            raise TidewireError("user_unauthorized", message)
        store = address.store
        if store is None:
            raise project_not_found()
        try:
            caller = await identify(
                self.request, self.request.query_string, self.api.instance, store, admin=address.admin
            )
        except TidewireError as error:
            if is_unanswered(error):
                raise unavailable() from error  # nothing that the caller could narrow down
            raise
        if address.by_dev_key:
            caller = replace(caller, by_dev_key=True)
        if not may_call:
            self._require_key(caller)
        if match is None:
            require_enabled(caller, service, store.project, self.protocol)
            if self.remembers:
                self._known = address, store, caller
        return store, caller

    def _no_operation(self, caller: Caller) -> TidewireError:
        """What a caller is told of a path that leads to no operation."""
        row = unbuilt_operation(self.request.method, self.request.path)
        if row is None:
            return TidewireError("general_route_not_found", "There is no such route.")
        scope = row.scope_for(self.request.method)
        if scope:
            require_scope(caller, (scope,))
        return row.error()

    def _require_place(self, service: str, address: Address, project: Project) -> None:
        """Refuse a service that the project does not have. Any page may read why, since all are answered the
        same."""
        try:
            require_place(service, project, named=address.named, admin_mode=address.admin_mode)
        except TidewireError:
            self.cors = allow_headers(self.request.header(b"origin"))
            raise

    def _may_call(self, address: Address, match: Match | None) -> bool:
        """Whether the page that sent the request may call; if so it may read all answers."""
        if match is not None and match.endpoint.comes_from_elsewhere:
            return True  # and may read nothing
        origin = self.request.header(b"origin")
        allowed = address.admits(origin, self.api.settings.hostnames)
        if allowed:
            self.cors = allow_headers(origin)
        elif b"x-appwrite-key" not in self.request.headers:
            raise unknown_origin(origin)
        return allowed

    def _require_key(self, caller: Caller) -> None:
        """Require a valid API key of a request from a page that may not call; with one it is served all the
        same."""
        origin = self.request.header(b"origin")
        if caller.kind != "key":
            raise unknown_origin(origin)
        self.cors = allow_headers(origin)


def unavailable() -> TidewireError:
    """The error where the database cannot answer just now, which may pass by itself."""
    return TidewireError(UNAVAILABLE, "The database cannot answer just now; try again.")
