"""Operations that are one unit of work: a synchronous function, done in one write or one read."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, ParamSpec, TypeVar, get_type_hints

from tidewire.services.databases.dialects import DialectCall
from tidewire.store.engine.database import Transaction

P = ParamSpec("P")
R = TypeVar("R")


class UnitOperation(Generic[P, R]):
    """An operation whose ``unit`` does all of it.

    The unit gets the :class:`Transaction` to write in or the connection to read from, whichever its first
    parameter is annotated with, then the :class:`DialectCall` and the parameters. Calling the operation does
    the unit on the project's database; several units are done together by calling one from another.
    """

    def __init__(self, unit: Callable[P, R]) -> None:
        self.unit = unit
        first = next(iter(inspect.signature(unit).parameters))
        self._writes = get_type_hints(unit)[first] is Transaction

    def __call__(self, call: DialectCall, *given: Any, **named: Any) -> Awaitable[R]:
        """Do the operation."""
        return self.do_unit(call, *given, **named)

    def do_unit(self, call: DialectCall, *given: Any, **named: Any) -> Awaitable[R]:
        """Do the unit on the project's database."""
        unit: Callable[..., R] = self.unit
        database = call.context.database
        if self._writes:
            return database.write(lambda transaction: unit(transaction, call, *given, **named))
        return database.read(lambda connection: unit(connection, call, *given, **named))


def unit(function: Callable[P, R]) -> UnitOperation[P, R]:
    """Make the decorated function the unit of an operation."""
    return UnitOperation(function)
