"""One request and its answer, from the first header of the one to the last byte of the other."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog

from tidewire.api.admission import UNAVAILABLE, Admission, unavailable
from tidewire.api.arguments import convert_given, convert_path
from tidewire.api.asgi import Headers, Send
from tidewire.api.authorization import require_team
from tidewire.api.bodies import (
    NOTHING,
    RequestParameters,
    body_first,
    from_body,
    from_large_json,
    from_query,
    is_json,
    media_type,
    require_plain_conditions,
    with_conditions,
)
from tidewire.api.body_budget import RETRY_SECONDS, BodyLease
from tidewire.api.collaborators import Collaborators
from tidewire.api.content_range import parse_content_range
from tidewire.api.contexts import context_of
from tidewire.api.downloads import send_download
from tidewire.api.errors import error_body, unforeseen_error
from tidewire.api.formats.table import NEWEST, OLDEST, generation, shaping, shows_related, words_of
from tidewire.api.formats.versions import warning_headers
from tidewire.api.formats.words import Words, in_later_words, path_in_later_words
from tidewire.api.multipart import FileRules, Form, missing_file, receive_form
from tidewire.api.registry import Endpoint, Match, Route
from tidewire.api.requests import ClientDisconnectedError, Request
from tidewire.api.responses import (
    send_compressible,
    send_empty,
    send_form,
    send_json,
    send_large_list,
    send_text,
    with_selected,
)
from tidewire.api.sessions import debug_header, ended_headers, is_first_party, started_headers
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.ids import is_id, unique_id
from tidewire.core.uploads import ContentRange, Upload
from tidewire.services.context import Context
from tidewire.services.large_results import HeldResults
from tidewire.store.engine.database import DatabaseClosedError
from tidewire.store.engine.failures import is_unanswered
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.machine.disk_space import disk_full
from tidewire.store.records.projects import project_not_found, project_unavailable

_log = structlog.get_logger()

BASE: Final = "/v1"
_LIMITS: Final = frozenset(
    {"general_rate_limit_exceeded", "general_server_busy", "storage_invalid_file_size"}
)
"""Types of errors that tell of a limit; lines in the log are counted by them."""
_RETRY_SECONDS: Final = {UNAVAILABLE: 1, "general_server_busy": RETRY_SECONDS}
"""Seconds after which a client may try again, for errors that pass by themselves or that an operator is
working on."""


class Exchange:
    """One request and its answer."""

    __slots__ = ("admission", "api", "generation", "held", "lease", "limits", "request", "send", "started")

    def __init__(self, api: Collaborators, request: Request, send: Send) -> None:
        self.api = api
        self.request = request
        self.send = send
        self.started = False
        self.admission = Admission(api, request)
        self.limits: Headers = []
        self.held = HeldResults(api.results)
        self.generation = api.generation
        """The generation of the API that the program was made for."""
        if b"x-appwrite-response-format" in request.headers:
            self.generation = generation(request.header(b"x-appwrite-response-format"))
        self.lease: BodyLease | None = None
        """The lease of the request's body, where the body is large."""

    async def run(self) -> None:
        """Answer, whatever happens; a client that went away gets nothing."""
        try:
            await self._answer()
        except ClientDisconnectedError:
            pass
        except TidewireError as error:
            await self._refuse(error)
        except DatabaseClosedError:
            # The project was deleted while the request was on its way.
            await self._refuse(project_not_found())
        except StoreError:
            await self._refuse(project_unavailable())  # the store has logged why
        except Exception as error:
            if is_unanswered(error):
                await self._refuse(unavailable())
                return
            request_id = unique_id()
            _log.exception(
                "request_failed", request=request_id, method=self.request.method, path=self.request.path
            )
            await self._refuse(unforeseen_error(), (b"x-request-id", request_id.encode()))
        finally:
            self.held.release()
            if self.lease is not None:
                self.lease.release()

    async def _answer(self) -> None:
        request = self.request
        match = self._route()
        reads = request.method in {"GET", "HEAD"}
        content_type = "" if reads else media_type(request.header(b"content-type"))
        # A form may bring a large file: who sends it is found out before anything of it is read.
        is_form = content_type == "multipart/form-data"
        given, wrong = NOTHING, None
        if match is not None and not is_form:
            try:
                given = await self._given(match, content_type)
                match = match.chosen(given.values)
            except TidewireError as error:
                wrong = error  # told to those who may use the operation
        match, store, caller = await self.admission.admitted(match, given)
        if wrong is not None:
            try:
                raise wrong
            finally:
                del wrong  # an error and the frame that it goes through must not keep each other
        endpoint = match.endpoint
        require_team(caller, endpoint, given.values)
        if not reads:
            self._require_disk()
        place = None
        if endpoint.file_parameter is not None:
            place = parse_content_range(request.header(b"content-range"), self.api.settings.max_file_bytes)
        if endpoint.operation.limit is not None:
            await self._count(endpoint, store, caller, given, place)
        words = self._words(match.route)
        in_path = path_in_later_words(words, match.values) if words else match.values
        arguments = convert_path(match.route.in_path, in_path)
        if is_form:
            form = await self._receive_form(endpoint, store, place)
            given, upload = self._and_query(match.route, form.fields), form.upload
        else:
            upload = None
        related = self.generation != NEWEST and shows_related(self.generation)
        context = context_of(self.api, request, store, caller, self.held, shows_related=related)
        if words:
            given = in_later_words(words, given)
        result = await self._operate(match.route, context, arguments, given, upload)
        await self._respond(endpoint, context, result)

    def _require_disk(self) -> None:
        """Refuse what adds to a disk that is full; deletions make room."""
        deletes = self.request.method == "DELETE"
        if self.api.instance.disk.is_full(look=deletes) and not deletes:
            raise disk_full()

    async def _given(self, match: Match, content_type: str) -> RequestParameters:
        request = self.request
        if request.method in {"GET", "HEAD"}:
            return from_query(request.query_string, strict=False)
        body = await request.body_at_once()
        if body is None:
            given = await self._large_body(match, content_type)
        else:
            given = from_body(content_type, body, match.route.once)
        return self._and_query(match.route, given)

    async def _large_body(self, match: Match, content_type: str) -> RequestParameters:
        """The parameters in a body that is read only for a caller who may use the operation.

        Whether the call as a whole is admitted is found out afterwards, as always: the body too may name the
        project, and chooses among the operations of a path.
        """
        limit = self.api.settings.max_body_bytes
        self.request.require_within(limit)
        _, store, _ = await self.admission.admitted(match, NOTHING)
        self.lease = self.api.bodies.lease(self.request.client_ip, store.project.id)
        body = await self.request.body(limit, self.lease)
        if is_json(content_type):
            return await from_large_json(body, self.api.large_json, self.lease, match.route.once)
        return from_body(content_type, bytes(body))

    def _and_query(self, route: Route, given: RequestParameters) -> RequestParameters:
        """The parameters of the body, and what the query string may add to them."""
        deletion = self.request.method == "DELETE"
        if not route.conditions and (not self.request.query_string or not deletion):
            return given
        query = from_query(self.request.query_string)
        if route.conditions:
            require_plain_conditions(given, query, route.conditions)
        if deletion:  # for which SDKs send a body, and many other programs cannot
            return body_first(given, query)
        return with_conditions(given, query, route.conditions)

    def _route(self) -> Match | None:
        path, method = self.request.path, self.request.method
        if not path.startswith("/v1/"):
            return None
        if method not in {"GET", "HEAD"}:
            return self.api.registry.route(method, path[len(BASE) :])
        # A slash at the end of what is only read does no harm; that of a change may be a missing id.
        return self.api.registry.route("GET", path[len(BASE) :].removesuffix("/"))

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

    async def _receive_form(
        self, endpoint: Endpoint, store: ProjectStore, place: ContentRange | None
    ) -> Form:
        rules = None
        if endpoint.file_parameter:
            rules = FileRules(
                endpoint.file_parameter.name, self.api.settings.max_file_bytes, place, self._upload_id()
            )
        self.lease = self.api.bodies.lease(self.request.client_ip, store.project.id)
        return await receive_form(self.request, rules, store.objects.writer, self.lease, endpoint.binary)

    def _upload_id(self) -> str | None:
        upload_id = self.request.header(b"x-appwrite-id")
        if not upload_id:
            return None
        # The Python SDK sends what it sends as the file's id with the first chunk, before there is one.
        if upload_id != "unique()" and not is_id(upload_id):
            raise TidewireError("storage_invalid_appwrite_id", "X-Appwrite-ID must be the id of an upload.")
        return upload_id

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
            convert_given(route.elsewhere, given, arguments, route.endpoint.operation.missing)
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

    async def _respond(self, endpoint: Endpoint, context: Context, result: Any) -> None:
        operation = endpoint.operation
        first_party = await is_first_party(self.request)
        headers = [*self.admission.cors, *self.limits, debug_header(first_party=first_party)]
        if context.session_started:
            session = context.session_started
            headers += started_headers(
                self.request, context.project.id, session.value, session.expires, first_party=first_party
            )
        elif context.session_ended:
            headers += ended_headers(self.request, context.project.id)
        if context.cache_hit is not None:
            headers.append((b"x-appwrite-cache", b"hit" if context.cache_hit else b"miss"))
        if b"x-appwrite-response-format" in self.request.headers:
            headers += warning_headers(self.request.header(b"x-appwrite-response-format"))
        compressible = endpoint.compressible
        shapes = shaping(operation.models, self.generation) if self.generation != NEWEST else None
        if shapes is not None:
            result = await shapes.shaped(context, operation.models[0], result)
            compressible = compressible and not shapes.tells_more
        if context.selected is not None:
            result = with_selected(result, context.selected)
        status = context.status or operation.status
        if context.form is not None:
            await send_form(self.send, status, context.form, headers)
        elif isinstance(result, Download):
            self.started = True
            await send_download(self.request, self.send, result, headers)
        elif operation.kind == "empty":
            await send_empty(self.send, status, headers)
        elif operation.kind == "text":
            await send_text(self.send, status, result, headers)
        elif compressible:
            accepted, least = self.request.header(b"accept-encoding"), self.api.compressed_from
            if self.held.size and not isinstance(result, msgspec.Raw):
                await send_large_list(self.send, status, result, self.held.size, headers, accepted, least)
            else:
                await send_compressible(self.send, status, result, headers, accepted, least)
        else:
            await send_json(self.send, status, result, headers)

    async def _refuse(self, error: TidewireError, *headers: tuple[bytes, bytes]) -> None:
        if self.started:
            return
        limit = error.limit or (error.type if error.type in _LIMITS else "")
        if limit:
            request = self.request
            self.api.reached.tell(limit, address=request.client_ip, path=request.path, reason=error.message)
        body = error_body(error)
        seconds = _RETRY_SECONDS.get(error.type)
        if seconds:
            headers = (*headers, (b"retry-after", b"%d" % seconds))
        with suppress(ClientDisconnectedError):
            await send_json(self.send, body.code, body, [*self.admission.cors, *self.limits, *headers])
