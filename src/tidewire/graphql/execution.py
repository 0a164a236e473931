"""Queries run: each field calls its operation as a request by REST does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Final, TypeGuard

import msgspec

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    execute,
)
from tidewire.api.admission import Admission
from tidewire.api.asgi import Headers
from tidewire.api.bodies import RequestParameters
from tidewire.api.calls import Call, Receive
from tidewire.api.collaborators import Collaborators
from tidewire.api.errors import error_body
from tidewire.api.refusals import refusal
from tidewire.api.registry import Endpoint, Match, Route
from tidewire.api.sessions import is_first_party, session_headers
from tidewire.core.errors import TidewireError
from tidewire.core.json_bounds import require_once
from tidewire.core.uploads import ContentRange, Upload
from tidewire.graphql.answers import decoded, told_answer
from tidewire.graphql.documents import Document, name_of
from tidewire.graphql.executor import ModelExecutor
from tidewire.graphql.fixed_parts import FixedParts
from tidewire.graphql.introspection import Introspection
from tidewire.graphql.limits import Complexity, limit_error
from tidewire.graphql.query import Query
from tidewire.store.instance.instance import ProjectStore

_OF_QUERIES: Final = ("query", "variables", "operationName")
_DONE: Final[Mapping[str, Any]] = {}
"""What an operation without an answer in JSON answers with."""
_AT_ONCE_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class _Running:
    """One query that is run."""

    execution: Execution
    fixed: FixedParts
    mistaken: bool

    def perform(self, operation: str, given: dict[str, Any], info: GraphQLResolveInfo[Any]) -> Awaitable[Any]:
        return self.execution.perform(operation, given, info, mistaken=self.mistaken)


class Execution:
    """The execution of the queries of one request."""

    def __init__(
        self,
        api: Collaborators,
        schema: GraphQLSchema,
        introspection: Introspection,
        admission: Admission,
    ) -> None:
        self._api = api
        self._schema = schema
        self._introspection = introspection
        self._admission = admission
        """The admission of the request, which holds for all that is read."""
        self._request = admission.request.part()
        self.body = b""
        """The JSON text that the queries came in; empty if they came otherwise."""
        self._reads = asyncio.Semaphore(api.settings.graphql_reads_at_once)
        self._calls: list[Call] = []
        self._bytes = 0
        self.upload: Upload | None = None
        """The file that came with the request, until an operation takes it over."""
        self.headers: Headers = []
        """Headers by which operations hand sessions to the client."""
        self.compressible = True
        """Whether no answer so far can hold secrets."""

    async def run(
        self, document: Document, operation: OperationDefinitionNode, query: Query
    ) -> dict[str, Any] | msgspec.Raw:
        """The answer to one query, which is about one operation of the document."""
        name = name_of(operation)
        try:
            if operation.operation is OperationType.SUBSCRIPTION:
                raise limit_error("Subscriptions are served over WebSocket, by graphql-transport-ws.")
            if name in document.introspective:
                return await self._introspection.answer(document, operation, query)
            self._require_cheap(document, operation, query)
        except GraphQLError as error:
            return {"errors": [error.formatted]}
        result = execute(
            self._schema,
            document.node,
            context_value=_Running(self, document.fixed, _is_mistaken(operation, query)),
            variable_values=query.variables,
            operation_name=query.operation_name or None,
            executor_class=ModelExecutor,
            is_awaitable=_is_coroutine,
        )
        return told_answer(result if isinstance(result, ExecutionResult) else await result)

    async def perform(
        self, operation: str, given: dict[str, Any], info: GraphQLResolveInfo[Any], *, mistaken: bool
    ) -> Any:
        """The answer of an operation, called with the arguments of a field. Raises GraphQLError.

        ``mistaken``: the query was given other variables than it declares, or none.
        """
        route = self._api.registry.routes[operation]
        reads = route.endpoint.operation.method == "GET"
        # What changes something may change who the sender is, too.
        admission = self._admission if reads else Admission(self._api, self._request, "graphql")
        call = Call(self._api, self._request, admission)
        self._calls.append(call)
        try:
            if route.once:
                await self._require_conditions(route, given, info, mistaken=mistaken)
            if self._bytes > self._api.settings.graphql_answer_max_bytes:
                raise _too_much(self._api.settings.graphql_answer_max_bytes)
            if not reads:
                return await self._called(call, route, given)
            async with self._reads:
                return await self._called(call, route, given)
        except Exception as error:
            told, _ = refusal(error, self._request)
            call.tell_limit(told)
            body = error_body(told)
            raise GraphQLError(body.message, extensions={"code": body.code, "type": body.type}) from None

    def release(self) -> None:
        """Release what is counted of the results, when the answer is written."""
        for call in self._calls:
            call.held.release()

    async def _called(self, call: Call, route: Route, given: dict[str, Any]) -> Any:
        endpoint = route.endpoint
        receive = None
        if endpoint.file_parameter is not None:
            receive = self._receive(endpoint, given)
        match = Match(route, _in_path(route, given))
        outcome = await call.outcome(match, RequestParameters(given, False), receive=receive)
        context = outcome.context
        if context.session_started or context.session_ended:
            first_party = await is_first_party(self._request)
            self.headers += session_headers(self._request, context, first_party=first_party)
        shapes = call.shapes(endpoint)
        self.compressible &= endpoint.compressible and not (shapes is not None and shapes.tells_more)
        if endpoint.operation.kind != "json":
            return _DONE
        result = await call.shown(outcome, shapes)
        self._bytes += len(result) if type(result) is msgspec.Raw else call.held.counted
        return decoded(result)

    def _receive(self, endpoint: Endpoint, given: dict[str, Any]) -> Receive:
        assert endpoint.file_parameter is not None
        name = endpoint.file_parameter.name
        sent = given.pop(name, None)

        async def receive(
            _endpoint: Endpoint, _store: ProjectStore, _place: ContentRange | None
        ) -> tuple[RequestParameters, Upload | None]:
            if sent is None or sent is not self.upload:
                raise TidewireError("storage_file_empty", "The file was taken by another operation.")
            self.upload = None
            return RequestParameters(given, False), sent

        return receive

    async def _require_conditions(
        self, route: Route, given: Mapping[str, Any], info: GraphQLResolveInfo[Any], *, mistaken: bool
    ) -> None:
        """Refuse a condition that is a variable, where that is not given by mistake; and what is given twice.

        Either would make a change or a deletion of some into one of all, or of others.
        """
        variables: list[str] = []
        for node in info.field_nodes:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    variables.append(argument.value.name.value)
                    name = argument.name.value
                    if mistaken and name in route.conditions and name not in given:
                        message = f"Param `{name}` is the variable ${variables[-1]}, which is not given."
                        raise TidewireError("general_argument_invalid", message)
        names = (*route.once, *variables, *_OF_QUERIES)
        if len(self.body) > _AT_ONCE_BYTES:
            await asyncio.to_thread(require_once, self.body, names)
        elif self.body:
            require_once(self.body, names)

    def _require_cheap(self, document: Document, operation: OperationDefinitionNode, query: Query) -> None:
        if not self._api.settings.rate_limits:
            return
        most = self._api.settings.graphql_max_complexity
        name = name_of(operation)
        complexity = document.complexities.get(name)
        if complexity is None:
            complexity = Complexity(self._schema, document.node, query.variables).of_operation(operation)
            if not operation.variable_definitions:
                document.complexities[name] = complexity
        if complexity > most:
            raise limit_error(f"Max query complexity should be {most} but got {complexity}.")


def _is_mistaken(operation: OperationDefinitionNode, query: Query) -> bool:
    """Whether a query was given other variables than it declares, or none of them."""
    declared = {each.variable.name.value for each in operation.variable_definitions or ()}
    return bool(declared) and (not query.variables or not query.variables.keys() <= declared)


def _is_coroutine(value: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    return type(value) is CoroutineType


def _in_path(route: Route, given: dict[str, Any]) -> dict[str, str]:
    """What stands in the placeholders of the path; an empty id leads nowhere, as there."""
    values = {name: str(given.pop(name, "")) for name in route.names}
    if not all(values.values()):
        raise TidewireError("general_route_not_found", "There is no such route: an id in it is empty.")
    return values


def _too_much(most: int) -> TidewireError:
    return TidewireError(
        "general_bad_request", f"The answer has more than {most} bytes: ask for less at once."
    )
