"""How operations on rows take part in transactions."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, Final

from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.parameters import TransactionId
from tidewire.services.databases.transactions.actions import ACTIONS, Operation
from tidewire.services.databases.transactions.work import take_part

OnRows = Callable[Concatenate[DialectCall, ...], Awaitable[Any]]

_TRANSACTION: Final = inspect.Parameter(
    "transaction_id", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=TransactionId | None
)


def transactional(action: str) -> Callable[[OnRows], OnRows]:
    """Give the decorated operation the parameter ``transactionId``, with which it is part of a transaction.

    The operation must do all its work by the methods of its :class:`DialectCall`, and wait for nothing else; its
    arguments must be what JSON can express.
    """

    def decorate(function: OnRows) -> OnRows:
        signature = inspect.signature(function)

        @wraps(function)
        async def operation(
            call: DialectCall, *given: Any, transaction_id: str | None = None, **named: Any
        ) -> Any:
            if transaction_id is None:
                return await function(call, *given, **named)
            arguments = dict(signature.bind(call, *given, **named).arguments)
            del arguments["call"]
            staged = Operation(action, arguments)
            return await take_part(call, transaction_id, staged)

        parameters = [*signature.parameters.values(), _TRANSACTION]
        operation.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        operation.__annotations__ = {**function.__annotations__, "transaction_id": TransactionId | None}
        ACTIONS[action] = function
        return operation

    return decorate
