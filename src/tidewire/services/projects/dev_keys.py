"""Dev keys: with one, a program under development calls from any origin and without rate limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from tidewire.core import models
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Datetime
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import DevKeyList
from tidewire.core.time import format_datetime
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.projects import operations
from tidewire.services.projects.access import find_accessible_project
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import dev_keys
from tidewire.store.records.dev_keys import DEV_KEYS, DevKey, dev_key_of

Name = Annotated[str, Text(1, 128)]
Expire = Annotated[int, Datetime()]


@operations.declare(
    "createDevKey", "POST", "/projects/{projectId}/dev-keys", scopes=("devKeys.write",), status=410
)
async def create_dev_key(
    context: Context,
    project_id: ResourceId,
    name: Name,  # noqa: ARG001 - checked like the rest
    expire: Expire,  # noqa: ARG001
) -> None:
    """Refuse to create a dev key, which the operator of the server does on the command line."""
    await find_accessible_project(context, project_id, "devKeys.write")
    raise TidewireError(
        "dev_key_gone", "Dev keys are not created over the API any more: use `tidewire dev-key create`."
    )


@operations.declare("listDevKeys", "GET", "/projects/{projectId}/dev-keys", scopes=("devKeys.read",))
async def list_dev_keys(
    context: Context,
    project_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(DEV_KEYS.attributes))] = (),
) -> DevKeyList:
    """List the dev keys of a project."""
    project = await find_accessible_project(context, project_id, "devKeys.read")
    count, rows = await context.instance.database.read(
        lambda connection: list_rows(connection, DEV_KEYS, queries, "", (), True, project_id=project.id)
    )
    return DevKeyList(total=count, dev_keys=[_shown(context, dev_key_of(row)) for row in rows])


@operations.declare("getDevKey", "GET", "/projects/{projectId}/dev-keys/{keyId}", scopes=("devKeys.read",))
async def get_dev_key(context: Context, project_id: ResourceId, key_id: ResourceId) -> models.DevKey:
    """Get a dev key with its secret."""
    project = await find_accessible_project(context, project_id, "devKeys.read")
    key = await context.instance.database.read(
        lambda connection: dev_keys.find_dev_key(connection, project.id, key_id)
    )
    return _shown(context, key)


@operations.declare(
    "updateDevKey", "PUT", "/projects/{projectId}/dev-keys/{keyId}", scopes=("devKeys.write",)
)
async def update_dev_key(
    context: Context, project_id: ResourceId, key_id: ResourceId, name: Name, expire: Expire
) -> models.DevKey:
    """Change name and end of a dev key."""
    project = await find_accessible_project(context, project_id, "devKeys.write")
    key = await context.instance.database.write(
        lambda transaction: dev_keys.update_dev_key(transaction.connection, project.id, key_id, name, expire)
    )
    return _shown(context, key)


@operations.declare(
    "deleteDevKey", "DELETE", "/projects/{projectId}/dev-keys/{keyId}", scopes=("devKeys.write",)
)
async def delete_dev_key(context: Context, project_id: ResourceId, key_id: ResourceId) -> None:
    """Delete a dev key."""
    project = await find_accessible_project(context, project_id, "devKeys.write")
    await context.instance.database.write(
        lambda transaction: dev_keys.delete_dev_key(transaction.connection, project.id, key_id)
    )


def _shown(context: Context, key: DevKey) -> models.DevKey:
    return shown(
        models.DevKey,
        key,
        expire=format_datetime(key.expires),
        secret=context.encryption.open(key.sealed_secret),
    )
