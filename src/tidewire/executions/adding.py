"""Executions that no request asks for: put in line, and told of."""

from __future__ import annotations

from typing import Any

import msgspec

from tidewire.core.time import now
from tidewire.services.functions.events import EXECUTION_CREATED
from tidewire.services.functions.records import execution_event, execution_of
from tidewire.services.functions.requests import ExecutionRequest, new_execution
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import Project
from tidewire.store.records import executions as records


def add_execution(
    transaction: Transaction, project: Project, function: Row[Any], request: ExecutionRequest
) -> None:
    """Have a function run as soon as there is room; nobody but keys and people of the console see it."""
    connection, moment = transaction.connection, now()
    row = records.insert_execution(
        connection, new_execution(function.sequence, function.deployment_id, request, {"status": "waiting"})
    )
    records.enqueue(connection, row.sequence, msgspec.json.encode(request).decode(), moment)
    execution = execution_of(row, function.id, told=False)
    transaction.append(execution_event(project, request.sender.user_id, EXECUTION_CREATED, execution))
