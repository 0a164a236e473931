"""One call of an operation: who makes it, whether they may, with which arguments, and what it answers.

The way is the same for each protocol: what reads requests and writes answers is around it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import structlog

from tidewire.api.admission import Admission
from tidewire.api.arguments import convert_given, convert_path
from tidewire.api.asgi import Headers
from tidewire.api.authorization import require_team
from tidewire.api.bodies import RequestParameters
from tidewire.api.collaborators import Collaborators
from tidewire.api.content_range import parse_content_range
from tidewire.api.contexts import context_of
from tidewire.api.formats.table import NEWEST, OLDEST, Shaping, generation, shaping, shows_related, words_of
from tidewire.api.formats.words import Words, in_later_words, path_in_later_words
from tidewire.api.multipart import missing_file
from tidewire.api.redirections import browser_of
from tidewire.api.registry import Endpoint, Match, Route
from tidewire.api.requests import Request
from tidewire.api.responses import with_selected
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.uploads import ContentRange, Upload
from tidewire.services.context import Context
from tidewire.services.large_results import HeldResults
from tidewire.services.onboarding import complete_stage, completes_stage
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.machine.disk_space import disk_full

_log = structlog.get_logger()

_LIMITS: Final = frozenset(
    {"general_rate_limit_exceeded", "general_server_busy", "storage_invalid_file_size"}
)
"""Types of errors that tell of a limit; lines in the log are counted by them."""

Receive = Callable[
    [Endpoint, ProjectStore, ContentRange | None], Awaitable[tuple[RequestParameters, Upload | None]]
]
"""Receives what a call brings only once it is known who makes it: its parameters, and its file."""


class Outcome(NamedTuple):
    """What an operation did."""

    endpoint: Endpoint
    context: Context
    result: Any


class Call:
    """One call of an operation, by a request or by a part of one."""

    __slots__ = ("admission", "api", "generation", "held", "limits", "request")

    def __init__(self, api: Collaborators, request: Request, admission: Admission) -> None:
        self.api = api
        self.request = request
        self.admission = admission
        self.limits: Headers = []
        self.held = HeldResults(api.results)
        self.generation = api.generation
        """The generation of the API that the program was made for."""
        if b"x-appwrite-response-format" in request.headers:
            self.generation = generation(request.header(b"x-appwrite-response-format"))

    async def outcome(
        self,
        match: Match | None,
        given: RequestParameters,
        wrong: TidewireError | None = None,
        receive: Receive | None = None,
    ) -> Outcome:
        """Call the operation. ``wrong`` is told to those who may use it.

        Raises :class:`TidewireError`, and what :func:`tidewire.api.refusals.refusal` turns into one.
        """
        match, store, caller = await self.admission.admitted(match, given)
        if wrong is not None:
            try:
                raise wrong
            finally:
                del wrong  # an error and the frame that it goes through must not keep each other
        endpoint = match.endpoint
        require_team(caller, endpoint, given.values)
        if endpoint.operation.method != "GET":
            self._require_disk(endpoint.operation.method)
        place = None
        if endpoint.file_parameter is not None:
            header = self.request.header(b"content-range")
            place = parse_content_range(header, self.api.settings.max_file_bytes)
        if endpoint.operation.limit is not None:
            await self._count(endpoint, store, caller, given, place)
        words = self._words(match.route)
        in_path = path_in_later_words(words, match.values) if words else match.values
        arguments = convert_path(match.route.in_path, in_path)
        upload = None
        if receive is not None:
            given, upload = await receive(endpoint, store, place)
        related = self.generation != NEWEST and shows_related(self.generation)
        context = context_of(self.api, self.request, store, caller, self.held, shows_related=related)
        context.protocol = self.admission.protocol
        if endpoint.operation.kind == "redirect" and context.protocol == "rest":
            context.browser = browser_of(self.request)
        if words:
            given = in_later_words(words, given)
        result = await self._operate(match.route, context, arguments, given, upload)
        if endpoint.is_stage and completes_stage(store.project, endpoint.operation.name):
            await self._complete_stage(context, endpoint.operation.name)
        return Outcome(endpoint, context, result)

    async def shown(self, outcome: Outcome, shapes: Shaping | None) -> Any:
        """The result as the program reads it: in the shape of its generation, with what it selected."""
        endpoint, context, result = outcome
        if shapes is not None:
            result = await shapes.shaped(context, endpoint.operation.models[0], result)
        if context.selected is not None:
            result = with_selected(result, context.selected)
        return result

    def shapes(self, endpoint: Endpoint) -> Shaping | None:
        """How answers of the operation are shaped for the program; None: as they are."""
        if self.generation == NEWEST:
            return None
        return shaping(endpoint.operation.models, self.generation)

    def tell_limit(self, error: TidewireError) -> None:
        """Write to the log, now and then, that a limit was reached, if the error says so."""
        limit = error.limit or (error.type if error.type in _LIMITS else "")
        if limit:
            request = self.request
            self.api.reached.tell(limit, address=request.client_ip, path=request.path, reason=error.message)

    def _require_disk(self, method: str) -> None:
        """Refuse what adds to a disk that is full; deletions make room."""
        deletes = method == "DELETE"
        if self.api.instance.disk.is_full(look=deletes) and not deletes:
            raise disk_full()

    def _words(self, route: Route) -> tuple[Words, ...]:
        """The words that the program uses differently. On an older path a program that names no version may
        be of any."""
        counting = self.generation
        if route.older and b"x-appwrite-response-format" not in self.request.headers:
            counting = OLDEST
        return words_of(route.endpoint.operation.name, counting) if counting != NEWEST else ()

    async def _count(
        self,
        endpoint: Endpoint,
        store: ProjectStore,
        caller: Caller,
        given: RequestParameters,
        place: ContentRange | None,
    ) -> None:
        """Count the call where the operation is limited; refuse it beyond the limit."""
        count = await self.api.limits.count(endpoint, caller, self.request, store.project.id, given, place)
        if count is not None:
            self.limits = count.headers
            if count.exceeded:
                raise count.error()

    async def _complete_stage(self, context: Context, operation: str) -> None:
        """Note the first success of an operation; what it did counts, whether that works or not."""
        try:
            await complete_stage(context, operation)
        except Exception:
            _log.exception("stage_not_noted", project=context.project.id, operation=operation)

    async def _operate(
        self,
        route: Route,
        context: Context,
        arguments: dict[str, object],
        given: RequestParameters,
        upload: Upload | None,
    ) -> Any:
        """Call the operation.

        It takes a received file over by returning. If it refuses, nothing refers to the file's object,
        which is deleted here. After a defect that is not certain: the object is left to the sweep of
        object storage, which deletes what nothing refers to.
        """
        try:
            if given.values or route.defaults is None:
                convert_given(route.elsewhere, given, arguments, route.endpoint.operation.missing)
            else:
                arguments.update(route.defaults)
            file_parameter = route.endpoint.file_parameter
            if file_parameter:
                if upload is None:
                    raise missing_file()
                arguments[file_parameter.argument] = upload
            return await route.endpoint.operation.handler(context, **arguments)
        except TidewireError:
            if upload:
                await self._discard(context, upload)
            raise

    async def _discard(self, context: Context, upload: Upload) -> None:
        try:
            await context.objects.delete([upload.key])
        except Exception:
            _log.exception("object_not_deleted", key=upload.key)
