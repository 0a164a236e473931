"""New deployments: code that arrives in one request or in chunks, and copies of what is there.

A deployment waits for its build from the moment the last chunk of its source is there; until then nobody
sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Deployment
from tidewire.core.time import now
from tidewire.core.uploads import FilePart, Upload
from tidewire.services.context import Context
from tidewire.services.functions import operations
from tidewire.services.functions.activation import latest_of
from tidewire.services.functions.deployments import ONE, PATH
from tidewire.services.functions.events import DEPLOYMENT_CREATED, DEPLOYMENT_UPDATED
from tidewire.services.functions.records import (
    deployment_of,
    find_deployment,
    find_function,
    require_source,
)
from tidewire.services.publishing import publish
from tidewire.services.storage.chunks import ChunkPosition, file_id_of, place_of
from tidewire.services.storage.content import read_parts
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.objects.storage import ObjectMissingError
from tidewire.store.objects.writing import StoredObject
from tidewire.store.records import deployments as records
from tidewire.store.records.stored_files import Part

_ARCHIVES = (".gz", ".tgz")


@dataclass(frozen=True)
class _Received:
    deployment: Deployment
    needed: bool
    """False: the chunk had arrived before."""


@operations.declare(
    "createDeployment",
    "POST",
    PATH,
    scopes=("functions.write",),
    status=202,
    event=DEPLOYMENT_CREATED,
    multipart=True,
)
async def create_deployment(
    context: Context,
    function_id: ResourceId | None,
    code: Annotated[Upload, FilePart()],
    activate: Boolean,
    entrypoint: Annotated[str, Text(1, 1028)] | None = None,
    commands: Annotated[str, Text(0, 8192)] | None = None,
) -> Deployment:
    """Upload a version of a function's code, whole or one chunk of it; it is built when all is there."""
    place = place_of(code)
    _check_archive(context, code, place)
    function_id = function_id or ""

    def unit(transaction: Transaction) -> _Received:
        connection = transaction.connection
        function = find_function(connection, function_id)
        deployment_id = file_id_of(code, unique_id(), place)  # whichever chunk comes first may get the id
        row = records.deployment_row(connection, function.sequence, deployment_id)
        if row is None:
            if records.deployment_of_id(connection, deployment_id) is not None:
                raise TidewireError("deployment_not_found", "There is no upload with this id to go on with.")
            values = {
                "id": deployment_id,
                "type": "cli" if context.client.is_cli else "manual",
                "entrypoint": _entrypoint(entrypoint, function),
                "commands": function.commands if commands is None else commands,
                "activate": activate,
                "source_size": place.total,
                "chunks_total": place.count,
            }
            row = _insert(connection, function, values)
        if row.source_size != place.total:
            raise TidewireError(
                "storage_invalid_content_range",
                f"The Content-Range header is wrong: this upload was begun with {row.source_size} bytes.",
            )
        if row.chunks_uploaded == row.chunks_total:
            return _Received(deployment_of(row, function_id), needed=False)
        row, new = records.receive_chunk(connection, row, place.number, code)
        deployment = deployment_of(row, function_id)
        if row.chunks_uploaded == row.chunks_total:
            _arrived(connection, function, row)
            publish(transaction, context, DEPLOYMENT_CREATED, _parameters(function_id, row.id), deployment)
        return _Received(deployment, new)

    received = await context.database.write(unit)
    if not received.needed:
        await context.objects.delete([code.key])
    return received.deployment


@operations.declare(
    "createDuplicateDeployment",
    "POST",
    PATH + "/duplicate",
    aliases=(ONE + "/build", ONE + "/builds/{buildId}"),
    scopes=("functions.write",),
    status=202,
    event=DEPLOYMENT_UPDATED,
)
async def create_duplicate_deployment(
    context: Context,
    function_id: ResourceId,
    deployment_id: ResourceId,
    build_id: ResourceId = "",  # noqa: ARG001 - a deployment has one build
) -> Deployment:
    """Build the source of a deployment again, by the function's settings as they are now."""

    def source(connection: Connection) -> tuple[Row[Any], list[Part]]:
        function = find_function(connection, function_id)
        row = find_deployment(connection, function, deployment_id)
        require_source(row)
        return row, records.source_of(connection, row.sequence)

    original, parts = await context.database.read(source)
    copied = await _copy(context, parts, original.source_size)

    def unit(transaction: Transaction) -> Deployment:
        connection = transaction.connection
        function = find_function(connection, function_id)
        values = {
            "id": unique_id(),
            "type": original.type,
            "entrypoint": function.entrypoint or original.entrypoint,
            "commands": function.commands,
            "activate": True,
            "source_size": original.source_size,
        }
        row = _insert(connection, function, values)
        row, _ = records.receive_chunk(
            connection, row, 1, Upload("", copied.key, copied.size, copied.md5, copied.head)
        )
        _arrived(connection, function, row)
        deployment = deployment_of(row, function_id)
        publish(transaction, context, DEPLOYMENT_UPDATED, _parameters(function_id, row.id), deployment)
        return deployment

    try:
        return await context.database.write(unit)
    except TidewireError:
        await context.objects.delete([copied.key])
        raise


def _check_archive(context: Context, code: Upload, place: ChunkPosition) -> None:
    if not code.size:
        raise TidewireError("storage_file_empty", "The file `code` is empty.")
    if not code.name.lower().endswith(_ARCHIVES):
        raise TidewireError(
            "storage_file_type_unsupported",
            "The file `code` must be a gzip tar, named .tar.gz.",
        )
    largest = context.settings.functions_max_source_bytes
    if place.total > largest:
        raise TidewireError(
            "deployment_invalid_file_size",
            f"The code has {place.total} bytes; a deployment has at most {largest} "
            "(setting functions_max_source_bytes).",
        )


def _entrypoint(given: str | None, function: Row[Any]) -> str:
    entrypoint = given or function.entrypoint
    if not entrypoint:
        raise TidewireError(
            "function_entrypoint_missing", "Neither the deployment nor its function names an entrypoint."
        )
    return str(entrypoint)


def _insert(connection: Connection, function: Row[Any], values: dict[str, Any]) -> Row[Any]:
    moment = now()
    times = {"created_at": moment, "updated_at": moment}
    total = {"total_size": values["source_size"]}
    return records.insert_deployment(
        connection, {**values, **times, **total, "function_sequence": function.sequence}
    )


def _arrived(connection: Connection, function: Row[Any], row: Row[Any]) -> None:
    """Note in the function that a deployment waits for its build."""
    if row.activate:
        records.claim_activation(connection, function.sequence, row.sequence)
    latest_of(connection, function)


async def _copy(context: Context, parts: list[Part], size: int) -> StoredObject:
    """Copy a source into one object; raises ``deployment_not_found`` if it is gone."""
    writer = context.objects.writer()
    try:
        async for piece in read_parts(context.objects, parts, 0, size):
            await writer.write(piece)
        return await writer.finish()
    except ObjectMissingError:
        await writer.abort()
        raise TidewireError("deployment_not_found", "The source of this deployment is gone.") from None
    except BaseException:
        await writer.abort()
        raise


def _parameters(function_id: str, deployment_id: str) -> dict[str, str]:
    return {"functionId": function_id, "deploymentId": deployment_id}
