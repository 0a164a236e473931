"""Sources and outputs of deployments, on their way to people who look after them."""

from __future__ import annotations

from typing import Annotated

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.services.context import Context
from tidewire.services.functions import operations
from tidewire.services.functions.deployments import ONE
from tidewire.services.functions.records import find_deployment, find_function, require_source
from tidewire.services.storage.content import read_parts
from tidewire.store.engine.connection import Connection
from tidewire.store.records import deployments as records
from tidewire.store.records.stored_files import Part

KEPT_SECONDS = 45 * 24 * 3600
"""How long a client may keep what it got: an archive never changes."""


@operations.declare(
    "getDeploymentDownload",
    "GET",
    ONE + "/download",
    aliases=(ONE + "/build/download",),
    scopes=("public", "functions.read"),
)
async def get_deployment_download(
    context: Context,
    function_id: ResourceId,
    deployment_id: ResourceId,
    type_: Annotated[str, AnyCaseChoice(("source", "output"))] = "source",
    token: Annotated[str, Text(1, 2048)] = "",  # noqa: ARG001 - no token for this is ever given out
) -> Download:
    """Get the source of a deployment, or what was built of it, as a gzip tar."""
    if "functions.read" not in context.caller.scopes:
        raise TidewireError(
            "user_unauthorized", "Only people of the console and keys with functions.read may download code."
        )

    def unit(connection: Connection) -> Download:
        function = find_function(connection, function_id)
        row = find_deployment(connection, function, deployment_id)
        require_source(row)
        if type_ == "source":
            parts = records.source_of(connection, row.sequence)
            name, mime_type = f"{row.id}-source.tar.gz", "application/gzip"
        elif row.output_key:
            parts = [Part(row.output_key, row.build_size)]
            name, mime_type = f"{row.id}-output-code.tar.gz", "application/octet-stream"
        else:
            raise TidewireError("deployment_not_found", "Nothing was built of this deployment.")
        return Download(
            name=name,
            mime_type=mime_type,
            size=sum(part.size for part in parts),
            etag=f"{row.id}-{type_}",
            modified=row.created_at,
            inline=False,
            open=lambda start, end: read_parts(context.objects, parts, start, end),
            kept_seconds=KEPT_SECONDS,
        )

    return await context.database.read(unit)
