"""Operations that are one unit of work on the database of the project, declared as such."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Required, TypedDict, TypeVar, Unpack

from tidewire.core.operations import Method, Operations, ResponseModel, parameters_of
from tidewire.core.rate_limits import RateLimit
from tidewire.services.context import Context
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction

P = ParamSpec("P")
R = TypeVar("R")
Operation = Callable[Concatenate[Context, P], Awaitable[R]]


class Declaration(TypedDict, total=False):
    """What :meth:`~tidewire.core.operations.Operations.declare` takes by name."""

    scopes: Required[tuple[str, ...]]
    status: int
    model: ResponseModel
    aliases: tuple[str, ...]
    event: str
    groups: tuple[str, ...]
    limit: RateLimit
    extension: bool


class ServiceOperations(Operations):
    """The operations of one service.

    A synchronous function that is one unit of work is declared by :meth:`read`, :meth:`write` or
    :meth:`audited`. They return the operation: a coroutine function that takes the context of the request
    and the parameters. A coroutine function that does more than that is declared by :meth:`declare`.
    """

    def read(
        self, name: str, method: Method, path: str, **declaration: Unpack[Declaration]
    ) -> Callable[[Callable[Concatenate[Connection, Context, P], R]], Operation[P, R]]:
        """Declare a unit that gets a connection to read from, the context and the parameters."""

        def declared(unit: Callable[Concatenate[Connection, Context, P], R]) -> Operation[P, R]:
            @wraps(unit)
            async def operation(context: Context, /, *given: P.args, **named: P.kwargs) -> R:
                return await context.database.read(
                    lambda connection: unit(connection, context, *given, **named)
                )

            parameters = parameters_of(unit, method, path, skipped=2)
            return self.declare(name, method, path, parameters=parameters, **declaration)(operation)

        return declared

    def write(
        self, name: str, method: Method, path: str, **declaration: Unpack[Declaration]
    ) -> Callable[[Callable[Concatenate[Transaction, Context, P], R]], Operation[P, R]]:
        """Declare a unit that gets a transaction to write in, the context and the parameters."""

        def declared(unit: Callable[Concatenate[Transaction, Context, P], R]) -> Operation[P, R]:
            @wraps(unit)
            async def operation(context: Context, /, *given: P.args, **named: P.kwargs) -> R:
                return await context.database.write(
                    lambda transaction: unit(transaction, context, *given, **named)
                )

            parameters = parameters_of(unit, method, path, skipped=2)
            return self.declare(name, method, path, parameters=parameters, **declaration)(operation)

        return declared

    def audited(
        self, name: str, method: Method, path: str, **declaration: Unpack[Declaration]
    ) -> Callable[[Callable[Concatenate[Transaction, Context, Visit, P], R]], Operation[P, R]]:
        """Declare a unit as :meth:`write` does, which also gets the visit, to note it in the audit log."""

        def declared(unit: Callable[Concatenate[Transaction, Context, Visit, P], R]) -> Operation[P, R]:
            @wraps(unit)
            async def operation(context: Context, /, *given: P.args, **named: P.kwargs) -> R:
                visit = await visit_of(context)
                return await context.database.write(
                    lambda transaction: unit(transaction, context, visit, *given, **named)
                )

            parameters = parameters_of(unit, method, path, skipped=3)
            return self.declare(name, method, path, parameters=parameters, **declaration)(operation)

        return declared
