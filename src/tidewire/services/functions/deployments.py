"""Deployments: listed, activated, canceled, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import AnyCaseChoice, Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Deployment, DeploymentList, Function
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.functions import operations
from tidewire.services.functions.activation import activate, deactivate, latest_of
from tidewire.services.functions.events import DEPLOYMENT_CREATED, DEPLOYMENT_DELETED, DEPLOYMENT_UPDATED
from tidewire.services.functions.records import (
    deployment_of,
    find_deployment,
    find_function,
    function_of,
)
from tidewire.services.functions.rules import follow_functions
from tidewire.services.paging import selections
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records import deployments as records

PATH: Final = "/functions/{functionId}/deployments"
ONE: Final = "/functions/{functionId}/deployments/{deploymentId}"
_QUERY_KINDS: Final = ("limit", "offset", "cursor", "filter", "order", "select")
_FIELDS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Deployment))
_GitName = Annotated[str, Text(0, 128)]


@operations.declare("listDeployments", "GET", PATH, scopes=("functions.read",))
async def list_deployments(
    context: Context,
    function_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(records.LIST.attributes), _QUERY_KINDS)] = (),
    search: Search = "",
    total: Boolean = True,
) -> DeploymentList:
    """List the deployments of a function."""
    wanted, context.selected = selections(queries, _FIELDS)

    def unit(connection: Connection) -> DeploymentList:
        function = find_function(connection, function_id)
        count, rows = records.list_deployments(connection, function.sequence, wanted, search, total)
        return DeploymentList(total=count, deployments=[deployment_of(row, function_id) for row in rows])

    return await context.database.read(unit)


@operations.declare("getDeployment", "GET", ONE, scopes=("functions.read",))
async def get_deployment(context: Context, function_id: ResourceId, deployment_id: ResourceId) -> Deployment:
    """Get a deployment, with the log of its build."""

    def unit(connection: Connection) -> Deployment:
        function = find_function(connection, function_id)
        return deployment_of(find_deployment(connection, function, deployment_id), function_id)

    return await context.database.read(unit)


@operations.declare(
    "updateFunctionDeployment",
    "PATCH",
    "/functions/{functionId}/deployment",
    aliases=(ONE,),
    scopes=("functions.write",),
    event=DEPLOYMENT_UPDATED,
)
async def update_function_deployment(
    context: Context, function_id: ResourceId, deployment_id: ResourceId
) -> Function:
    """Make a deployment that is ready the one that runs."""

    def unit(transaction: Transaction) -> Function:
        connection = transaction.connection
        row = find_function(connection, function_id)
        deployment = find_deployment(connection, row, deployment_id)
        if deployment.status != "ready":
            raise TidewireError(
                "build_not_ready", f"The build of this deployment is {deployment.status}, not ready."
            )
        function = function_of(connection, activate(connection, row, deployment))
        publish(transaction, context, DEPLOYMENT_UPDATED, _parameters(function_id, deployment_id), function)
        return function

    function = await context.database.write(unit)
    await follow_functions(context.instance, context.database)
    return function


@operations.declare(
    "updateDeploymentStatus", "PATCH", ONE + "/status", aliases=(ONE + "/build",), scopes=("functions.write",)
)
async def update_deployment_status(
    context: Context, function_id: ResourceId, deployment_id: ResourceId
) -> Deployment:
    """Cancel the build of a deployment."""

    def unit(transaction: Transaction) -> Deployment:
        connection = transaction.connection
        function = find_function(connection, function_id)
        row = find_deployment(connection, function, deployment_id)
        if row.status in {"ready", "failed", "canceled"}:
            raise TidewireError("build_already_completed", f"The build is over: it is {row.status}.")
        moment = now()
        begun = row.build_started_at or moment
        changed = records.update_deployment(
            connection,
            row.sequence,
            {
                "status": "canceled",
                "updated_at": moment,
                "build_logs": row.build_logs + "Deployment canceled.\n",
                "build_duration": (moment - begun) // 1000,
            },
        )
        latest_of(connection, function)
        return deployment_of(changed, function_id)

    return await context.database.write(unit)


@operations.declare("deleteDeployment", "DELETE", ONE, scopes=("functions.write",), event=DEPLOYMENT_DELETED)
async def delete_deployment(context: Context, function_id: ResourceId, deployment_id: ResourceId) -> None:
    """Delete a deployment; if it was the active one, the function has none until another is activated."""

    def unit(transaction: Transaction) -> bool:
        connection = transaction.connection
        function = find_function(connection, function_id)
        row = find_deployment(connection, function, deployment_id)
        records.delete_deployment(connection, row)
        if function.deployment_id == row.id:
            deactivate(connection, function)
        latest_of(connection, function)
        deleted = deployment_of(row, function_id)
        publish(transaction, context, DEPLOYMENT_DELETED, _parameters(function_id, deployment_id), deleted)
        return bool(function.deployment_id == row.id)

    if await context.database.write(unit):
        await follow_functions(context.instance, context.database)


@operations.declare(
    "createTemplateDeployment",
    "POST",
    PATH + "/template",
    scopes=("functions.write",),
    status=202,
    event=DEPLOYMENT_CREATED,
)
async def create_template_deployment(
    context: Context,
    function_id: ResourceId,
    repository: _GitName,  # noqa: ARG001
    owner: _GitName,  # noqa: ARG001
    root_directory: _GitName,  # noqa: ARG001
    type_: Annotated[str, AnyCaseChoice(("commit", "branch", "tag"))],  # noqa: ARG001
    reference: _GitName,  # noqa: ARG001
    activate_: Annotated[bool, TrueOrFalse()] = False,  # noqa: ARG001
) -> Deployment:
    """Deploy from a template on a Git host: this server knows none, so it is refused."""
    await context.database.read(lambda connection: find_function(connection, function_id))
    raise TidewireError("provider_repository_not_found", _NO_HOST)


@operations.declare(
    "createVcsDeployment",
    "POST",
    PATH + "/vcs",
    scopes=("functions.write",),
    status=202,
    event=DEPLOYMENT_CREATED,
)
async def create_vcs_deployment(
    context: Context,
    function_id: ResourceId,
    type_: Annotated[str, AnyCaseChoice(("branch", "commit"))],  # noqa: ARG001
    reference: Annotated[str, Text(1, 255)],  # noqa: ARG001
    activate_: Annotated[bool, TrueOrFalse()] = False,  # noqa: ARG001
) -> Deployment:
    """Deploy from a Git repository: this server knows no host of them, so it is refused."""
    await context.database.read(lambda connection: find_function(connection, function_id))
    raise TidewireError("installation_not_found", _NO_HOST)


_NO_HOST: Final = "This server knows no Git host: deploy from the CLI or an SDK."


def _parameters(function_id: str, deployment_id: str) -> dict[str, str]:
    return {"functionId": function_id, "deploymentId": deployment_id}
