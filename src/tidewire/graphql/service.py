"""Requests to ``/v1/graphql`` and their answers."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType, print_schema
from tidewire.api.admission import Admission
from tidewire.api.asgi import Headers, Send
from tidewire.api.bodies import NOTHING, from_query, media_type
from tidewire.api.body_budget import BodyLease
from tidewire.api.collaborators import Collaborators
from tidewire.api.refusals import refusal, send_refusal
from tidewire.api.requests import ClientDisconnectedError, Request
from tidewire.api.responses import TEXT_TYPE, send_body, send_compressible, send_json
from tidewire.api.sharing import share_of
from tidewire.core.errors import TidewireError
from tidewire.graphql.documents import Document, Documents, InvalidDocumentError
from tidewire.graphql.execution import Execution
from tidewire.graphql.fair_thread import FairThread
from tidewire.graphql.introspection import Introspection
from tidewire.graphql.query import Query, decode_json, queries_of, query_of
from tidewire.graphql.schema import build
from tidewire.graphql.subscriptions import Subscriptions, subscription_type
from tidewire.graphql.uploads import UploadForm
from tidewire.store.engine.reading import present_share
from tidewire.store.instance.instance import ProjectStore

PATH: Final = "/v1/graphql"
_PATHS: Final = {PATH: {"GET", "HEAD", "POST"}, f"{PATH}/mutation": {"POST"}}
_Chosen = tuple[Document, OperationDefinitionNode] | list[GraphQLError]
"""A document and the operation of it that is asked for, or what is wrong with them."""
_SCHEMA_PATH: Final = f"{PATH}/schema.graphql"


class GraphQLService:
    """Answers queries, by one schema for all."""

    def __init__(self, api: Collaborators, schema: GraphQLSchema, thread: FairThread) -> None:
        self.api = api
        self.schema = schema
        self.documents = Documents(schema, api.settings, thread)
        self.introspection = Introspection(schema, thread)
        self.subscriptions = Subscriptions(schema, self.documents)
        self._schema_text = print_schema(schema).encode()

    async def answer(self, request: Request, send: Send) -> None:
        """Answer a request, whatever happens; a client that went away gets nothing."""
        answering = _Answering(self, request, send)
        try:
            await answering.run()
        except ClientDisconnectedError:
            pass
        except Exception as error:
            told, headers = refusal(error, request)
            if told.type == "graphql_method_unsupported":
                headers = [*headers, (b"allow", b"POST")]
            await send_refusal(send, told, [*answering.admission.cors, *headers])
        finally:
            await answering.release()

    async def send_schema(self, request: Request, send: Send, cors: Headers) -> None:
        """Answer with the text of the schema."""
        if not self.api.settings.graphql_introspection:
            raise TidewireError("general_access_forbidden", "This server does not tell its GraphQL schema.")
        to_head = request.method == "HEAD"
        await send_body(send, 200, TEXT_TYPE, self._schema_text, cors, to_head=to_head)


def open_service(api: Collaborators, thread: FairThread) -> GraphQLService:
    """The service with its schema; takes tenths of a second, the loading of the library included."""
    return GraphQLService(api, build(api.registry.operations, subscription_type()), thread)


class _Answering:
    """One request on its way to an answer."""

    def __init__(self, service: GraphQLService, request: Request, send: Send) -> None:
        self._service = service
        self._api = service.api
        self._request = request
        self._send = send
        self.admission = Admission(self._api, request, "graphql")
        self.admission.remembers = True
        self._lease: BodyLease | None = None
        self._execution = Execution(self._api, service.schema, service.introspection, self.admission)
        self._store: ProjectStore | None = None

    async def run(self) -> None:
        request = self._request
        path = request.path.removesuffix("/") if request.method in {"GET", "HEAD"} else request.path
        store, caller = await self.admission.identified(None, NOTHING)
        self._store = store
        present_share.set(share_of(caller, request, store.project.id, self._api.settings))
        if path == _SCHEMA_PATH and request.method in {"GET", "HEAD"}:
            await self._service.send_schema(request, self._send, self.admission.cors)
            return
        if request.method not in _PATHS.get(path, ()):
            raise TidewireError("general_route_not_found", "There is no such route.")
        queries, is_list = await self._queries(store)
        results = await self._results(queries)
        answer: Any = results if is_list and len(results) != 1 else results[0]
        await self._respond(answer)

    async def release(self) -> None:
        """Give back what is held, and delete a file that no operation took."""
        self._execution.release()
        if self._lease is not None:
            self._lease.release()
        if self._execution.upload is not None and self._store is not None:
            await self._store.objects.delete([self._execution.upload.key])

    async def _queries(self, store: ProjectStore) -> tuple[list[Query], bool]:
        request, settings = self._request, self._api.settings
        if request.method != "POST":
            return [query_of(from_query(request.query_string).values)], False
        content_type = media_type(request.header(b"content-type"))
        if content_type == "multipart/form-data":
            form = UploadForm(self._api, self._service.documents, request, store)
            try:
                query, self._execution.upload = await form.receive(self._new_lease(store))
            except InvalidDocumentError:
                # Its faults are told as those of any other: by running it.
                if form.query is None:
                    raise
                query = form.query
            self._execution.body = form.operations.encode()
            return [query], False
        body = await request.body_at_once()
        if body is None:
            whole = await request.body(settings.max_body_bytes, self._new_lease(store))
            body = bytes(whole)
        if content_type == "application/graphql":
            return [query_of({"query": _text(body)})], False
        if content_type == "application/x-www-form-urlencoded":
            return [query_of(from_query(body).values)], False
        if not body:
            return queries_of({}, settings.graphql_max_batch)
        self._execution.body = body
        return queries_of(await self._decoded(body), settings.graphql_max_batch)

    async def _decoded(self, body: bytes) -> Any:
        if self._lease is None:
            return decode_json(body, "The request body")
        try:
            return await self._api.large_json.decode(bytearray(body), self._lease.take)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            message = f"The request body is not valid JSON: {error}"
            raise TidewireError("general_argument_invalid", message) from None

    def _new_lease(self, store: ProjectStore) -> BodyLease:
        self._lease = self._api.bodies.lease(self._request.client_ip, store.project.id)
        return self._lease

    async def _results(self, queries: list[Query]) -> list[Any]:
        """The answers, in order. Those that only read are worked out together, others one after another."""
        chosen = [await self._chosen(query) for query in queries]
        kinds = {operation.operation for _, operation in (each for each in chosen if isinstance(each, tuple))}
        if self._request.method != "POST" and not kinds <= {OperationType.QUERY}:
            raise TidewireError(
                "graphql_method_unsupported", "GET requests only support GraphQL query operations."
            )
        results = [self._result(query, each) for query, each in zip(queries, chosen, strict=True)]
        if len(results) > 1 and kinds <= {OperationType.QUERY}:
            return await asyncio.gather(*results)
        return [await result for result in results]

    async def _chosen(self, query: Query) -> _Chosen:
        try:
            document = await self._service.documents.document(query.text)
            return document, document.operation(query.operation_name)
        except InvalidDocumentError as error:
            return error.errors
        except GraphQLError as error:
            return [error]

    async def _result(self, query: Query, chosen: _Chosen) -> Any:
        if isinstance(chosen, list):
            return {"errors": [each.formatted for each in chosen]}
        return await self._execution.run(*chosen, query)

    async def _respond(self, answer: Any) -> None:
        headers = [*self.admission.cors, *self._execution.headers]
        if self._execution.compressible:
            accepted, least = self._request.header(b"accept-encoding"), self._api.compressed_from
            await send_compressible(self._send, 200, answer, headers, accepted, least)
        else:
            await send_json(self._send, 200, answer, headers)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise TidewireError("general_argument_invalid", "A query must be UTF-8.") from None
