"""One request and its answer, from the first header of the one to the last byte of the other."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from tidewire.api.admission import Admission
from tidewire.api.asgi import Headers, Send
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
from tidewire.api.body_budget import BodyLease
from tidewire.api.calls import Call, Outcome
from tidewire.api.collaborators import Collaborators
from tidewire.api.downloads import send_download
from tidewire.api.formats.versions import warning_headers
from tidewire.api.multipart import Destination, FileRules, receive_form
from tidewire.api.redirections import send_redirection
from tidewire.api.refusals import refusal, send_refusal
from tidewire.api.registry import Endpoint, Match, Route
from tidewire.api.requests import ClientDisconnectedError, Request
from tidewire.api.responses import (
    send_compressible,
    send_empty,
    send_form,
    send_json,
    send_large_list,
    send_text,
)
from tidewire.api.sessions import debug_header, is_first_party, session_headers
from tidewire.api.storing import writer_for
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.core.redirection import Redirection
from tidewire.core.uploads import ContentRange, Upload
from tidewire.store.instance.instance import ProjectStore

BASE: Final = "/v1"


class Exchange(Call):
    """One request by REST and its answer."""

    __slots__ = ("lease", "send", "started")

    def __init__(self, api: Collaborators, request: Request, send: Send) -> None:
        super().__init__(api, request, Admission(api, request))
        self.send = send
        self.started = False
        self.lease: BodyLease | None = None
        """The lease of the request's body, where the body is large."""

    async def run(self) -> None:
        """Answer, whatever happens; a client that went away gets nothing."""
        try:
            await self._answer()
        except ClientDisconnectedError:
            pass
        except Exception as error:
            await self._refuse(*refusal(error, self.request))
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
        receive = None
        given, wrong = NOTHING, None
        if match is not None and content_type == "multipart/form-data":
            receive = partial(self._receive_form, match)
        elif match is not None:
            try:
                given = await self._given(match, content_type)
                match = match.chosen(given.values)
            except TidewireError as error:
                wrong = error
        outcome = await self.outcome(match, given, wrong, receive)
        await self._respond(outcome)

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

    async def _receive_form(
        self, match: Match, endpoint: Endpoint, store: ProjectStore, place: ContentRange | None
    ) -> tuple[RequestParameters, Upload | None]:
        rules = None
        if endpoint.file_parameter:
            limit = self.api.settings.max_file_bytes
            rules = FileRules(endpoint.file_parameter.name, limit, place, upload_id_of(self.request))
        self.lease = self.api.bodies.lease(self.request.client_ip, store.project.id)
        open_writer = await writer_for(
            endpoint.operation, match.values, store, self.api.settings, place, self.request.content_length
        )
        destination = Destination(rules, open_writer, endpoint.binary)
        form = await receive_form(self.request, destination, self.lease)
        return self._and_query(match.route, form.fields), form.upload

    async def _respond(self, outcome: Outcome) -> None:
        endpoint, context, result = outcome
        operation = endpoint.operation
        first_party = b"origin" in self.request.headers and await is_first_party(self.request)
        headers = [*self.admission.cors, *self.limits, debug_header(first_party=first_party)]
        if context.session_started is not None or context.session_ended:
            headers += session_headers(self.request, context, first_party=first_party)
        if context.cache_hit is not None:
            headers.append((b"x-appwrite-cache", b"hit" if context.cache_hit else b"miss"))
        if b"x-appwrite-response-format" in self.request.headers:
            headers += warning_headers(self.request.header(b"x-appwrite-response-format"))
        shapes = self.shapes(endpoint)
        if shapes is not None or context.selected is not None:
            result = await self.shown(outcome, shapes)
        compressible = endpoint.compressible and not (shapes is not None and shapes.tells_more)
        status = context.status or operation.status
        if context.form is not None:
            await send_form(self.send, status, context.form, headers)
        elif isinstance(result, Download):
            self.started = True
            await send_download(self.request, self.send, result, headers)
        elif isinstance(result, Redirection):
            await send_redirection(self.request, self.send, status, result, headers)
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

    async def _refuse(self, error: TidewireError, headers: Headers) -> None:
        if self.started:
            return
        self.tell_limit(error)
        await send_refusal(self.send, error, [*self.admission.cors, *self.limits, *headers])


def upload_id_of(request: Request) -> str | None:
    """The id of the upload that a chunk belongs to; None if the request names none."""
    upload_id = request.header(b"x-appwrite-id")
    if not upload_id:
        return None
    # The Python SDK sends what it sends as the file's id with the first chunk, before there is one.
    if upload_id != "unique()" and not is_id(upload_id):
        raise TidewireError("storage_invalid_appwrite_id", "X-Appwrite-ID must be the id of an upload.")
    return upload_id
