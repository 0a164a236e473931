"""What the user did lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.numbers import Boolean
from tidewire.core.models import LogList
from tidewire.services.account import operations
from tidewire.services.account.records import signed_in
from tidewire.services.audit import logs_of
from tidewire.services.context import Context


@operations.declare("listLogs", "GET", "/account/logs", scopes=("account",))
async def list_logs(
    context: Context,
    queries: Annotated[Sequence[str], QueryList((), kinds=("limit", "offset"))] = (),
    total: Boolean = True,
) -> LogList:
    """List what the signed-in user did, the newest first."""
    account = signed_in(context).account
    return await context.database.read(lambda connection: logs_of(connection, account, queries, total=total))
