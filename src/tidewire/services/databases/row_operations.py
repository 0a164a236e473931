"""Operations on rows: units of work, done alone or as part of a client's transaction."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from tidewire.core.checks.names import Id
from tidewire.core.operations import Method, locator
from tidewire.core.parameters import Parameter
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.transactions.actions import UNITS, StagedOperation
from tidewire.services.databases.transactions.staging import take_part
from tidewire.services.databases.units import P, R, UnitOperation

PATH: Final = "/{databaseId}/tables/{tableId}/rows"
"""The path of the rows of a table, as operations on them are declared."""
ROW_PATH: Final = f"{PATH}/{{rowId}}"

Shell = Callable[..., Awaitable[Any]]


class RowOperation(UnitOperation[P, R]):
    """An operation on rows.

    Its parameters must be values that JSON can express. In a client's transaction the unit is done when it is
    staged, and again at the commit. Alone it is done as any unit, unless :meth:`alone` says otherwise.
    """

    def __init__(self, action: str, unit: Callable[P, R]) -> None:
        super().__init__(unit)
        self._action = action
        self._signature = inspect.signature(unit)
        self._alone: Shell = self.do_unit
        UNITS[action] = unit

    def __call__(
        self, call: DialectCall, *given: Any, transaction_id: str | None = None, **named: Any
    ) -> Awaitable[R]:
        """Do the operation: alone, or as part of the transaction with the id."""
        if transaction_id is None:
            return self._alone(call, *given, **named)
        arguments = self._signature.bind(None, call, *given, **named).arguments
        parameters = list(self._signature.parameters)[2:]
        staged = {name: arguments[name] for name in parameters if name in arguments}
        return take_part(call, transaction_id, StagedOperation(self._action, staged))

    def alone(self, shell: Shell) -> Shell:
        """Do the operation by the decorated coroutine function where it is part of no transaction."""
        self._alone = shell
        return shell

    @staticmethod
    def parameters(own: Sequence[Parameter], method: Method) -> tuple[Parameter, ...]:
        """The parameters of an operation on rows, ``transactionId`` among them."""
        name = "transactionId"
        location = locator(method, "")(name)
        return (*own, Parameter(name, "transaction_id", location, Id(), False, None, True))


def row_operation(action: str) -> Callable[[Callable[P, R]], RowOperation[P, R]]:
    """Make the decorated unit an operation on rows; transactions know it by the name of its ``action``."""
    return lambda unit: RowOperation(action, unit)
