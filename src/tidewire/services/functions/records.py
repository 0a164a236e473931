"""Functions as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.models import Deployment, Execution, Function, Headers
from tidewire.core.permissions import permission
from tidewire.core.time import format_datetime
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.publishing import event_outline, publish
from tidewire.services.variables import VariableOwner, variables_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import Project
from tidewire.store.records.deployments import deployment_row
from tidewire.store.records.functions import function_row

_encode: Final = msgspec.json.Encoder().encode


def find_function(connection: Connection, function_id: str) -> Row[Any]:
    """Return a function; raises ``function_not_found``."""
    row = function_row(connection, function_id)
    if row is None:
        raise TidewireError("function_not_found", "There is no function with this id.")
    return row


def function_of(connection: Connection, row: Row[Any]) -> Function:
    """The function as the API shows it, with its variables; the values of secret ones are left out."""
    return shown(
        Function,
        row,
        vars=variables_of(connection, owner_of(row.id)),
        provider_repository_id="",
    )


def owner_of(function_id: str) -> VariableOwner:
    """The function as the owner of variables."""
    return VariableOwner("function", function_id)


def publish_function(transaction: Transaction, context: Context, pattern: str, row: Row[Any]) -> Function:
    """Tell of a function; returns it as it was told of."""
    function = function_of(transaction.connection, row)
    publish(transaction, context, pattern, {"functionId": function.id}, function)
    return function


def find_deployment(connection: Connection, function: Row[Any], deployment_id: str) -> Row[Any]:
    """Return a deployment of a function; raises ``deployment_not_found``."""
    row = deployment_row(connection, function.sequence, deployment_id)
    if row is None:
        raise TidewireError("deployment_not_found", "This function has no deployment with this id.")
    return row


def require_source(row: Row[Any]) -> None:
    """Refuse a deployment that is being uploaded still: ``deployment_not_found``."""
    if row.chunks_uploaded < row.chunks_total:
        raise TidewireError(
            "deployment_not_found",
            f"Only {row.chunks_uploaded} of {row.chunks_total} chunks of this deployment have arrived.",
        )


def deployment_of(row: Row[Any], function_id: str) -> Deployment:
    """The deployment as the API shows it."""
    return shown(
        Deployment, row, resource_id=function_id, resource_type="functions", build_id=row.id, **_WITHOUT_GIT
    )


def execution_of(
    row: Row[Any],
    function_id: str,
    *,
    told: bool,
    body: str = "",
    headers: Sequence[tuple[str, str]] | None = None,
) -> Execution:
    """The execution as the API shows it.

    ``told``: with its logs and errors, which are not for users. ``headers`` stand in for those that are kept
    of the answer.
    """
    if headers is None:
        answered = [Headers(**each) for each in row.response_headers]
    else:
        answered = [Headers(name=name, value=value) for name, value in headers]
    created_at = format_datetime(row.created_at)
    return Execution(  # not by ``shown``: it is made for each execution twice
        id=row.id,
        created_at=created_at,
        updated_at=created_at if row.updated_at == row.created_at else format_datetime(row.updated_at),
        permissions=[permission("read", f"user:{row.user_id}")] if row.user_id else [],
        resource_id=function_id,
        resource_type="functions",
        deployment_id=row.deployment_id,
        trigger=row.trigger,
        status=row.status,
        request_method=row.request_method,
        request_path=row.request_path,
        request_headers=[Headers(**each) for each in row.request_headers],
        response_status_code=row.response_status_code,
        response_body=body,
        response_headers=answered,
        logs=row.logs if told else "",
        errors=row.errors if told else "",
        duration=row.duration,
        scheduled_at=format_datetime(row.scheduled_at) if row.scheduled_at else None,
    )


def execution_event(project: Project, actor_id: str, pattern: str, execution: Execution) -> Event:
    """The event of an execution as it is told to its user: without logs and errors."""
    parameters = {"functionId": execution.resource_id, "executionId": execution.id}
    fields = {"$id": execution.id, "$permissions": execution.permissions, "resourceId": execution.resource_id}
    outline = event_outline(project, actor_id, pattern, parameters, fields)
    return outline(payload=_encode(execution))


_WITHOUT_GIT: Final = dict.fromkeys(
    (
        "screenshot_light",
        "screenshot_dark",
        "provider_repository_name",
        "provider_repository_owner",
        "provider_repository_url",
        "provider_commit_hash",
        "provider_commit_author_url",
        "provider_commit_author",
        "provider_commit_message",
        "provider_commit_url",
        "provider_branch",
        "provider_branch_url",
    ),
    "",
)
"""What only sites, and deployments from Git repositories, have."""
