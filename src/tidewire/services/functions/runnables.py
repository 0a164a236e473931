"""What is run: the active deployment of a function with its environment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import tidewire
from tidewire.functions.contract import Run
from tidewire.functions.runtimes import language_name
from tidewire.functions.specifications import SPECIFICATIONS, Specification
from tidewire.services.functions.records import owner_of
from tidewire.services.variables import PROJECT, environment_of
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.objects.storage import ObjectStorage

REGION = "default"


@dataclass(frozen=True)
class Runnable:
    """A function, ready to be run."""

    project_id: str
    function_id: str
    function_sequence: int
    deployment_id: str
    scopes: tuple[str, ...]
    """The scopes of the key that it gets."""
    seconds: int
    """How long it may take."""
    logging: bool
    run: Run


def runnable_of(
    connection: Connection,
    objects: ObjectStorage,
    settings: Settings,
    function: Row[Any],
    deployment: Row[Any],
) -> Runnable:
    """What runs of a deployment that is ready."""
    specification = SPECIFICATIONS[function.runtime_specification]
    run = Run(
        project=connection.project_id,
        deployment=deployment.id,
        runtime=function.runtime,
        entrypoint=deployment.entrypoint,
        specification=specification,
        environment=environment(connection, settings, function, deployment, specification),
        archive=partial(_read, objects, deployment.output_key, deployment.build_size),
    )
    return Runnable(
        project_id=connection.project_id,
        function_id=function.id,
        function_sequence=function.sequence,
        deployment_id=deployment.id,
        scopes=tuple(function.scopes),
        seconds=function.timeout,
        logging=function.logging,
        run=run,
    )


def environment(
    connection: Connection,
    settings: Settings,
    function: Row[Any],
    deployment: Row[Any],
    specification: Specification,
) -> dict[str, str]:
    """The environment of a function: variables of the project, its own, and what the server tells it."""
    return {
        **environment_of(connection, PROJECT),
        **environment_of(connection, owner_of(function.id)),
        **_server_variables(connection, settings, function, deployment, specification),
    }


def _server_variables(
    connection: Connection,
    settings: Settings,
    function: Row[Any],
    deployment: Row[Any],
    specification: Specification,
) -> Mapping[str, str]:
    about_git = dict.fromkeys(
        (
            "REPOSITORY_ID",
            "REPOSITORY_NAME",
            "REPOSITORY_OWNER",
            "REPOSITORY_URL",
            "REPOSITORY_BRANCH",
            "REPOSITORY_BRANCH_URL",
            "COMMIT_HASH",
            "COMMIT_MESSAGE",
            "COMMIT_URL",
            "COMMIT_AUTHOR_NAME",
            "COMMIT_AUTHOR_URL",
            "ROOT_DIRECTORY",
        ),
        "",
    )
    return {
        "APPWRITE_FUNCTION_API_ENDPOINT": endpoint_of(settings),
        "APPWRITE_FUNCTION_ID": function.id,
        "APPWRITE_FUNCTION_NAME": function.name,
        "APPWRITE_FUNCTION_DEPLOYMENT": deployment.id,
        "APPWRITE_FUNCTION_PROJECT_ID": connection.project_id,
        "APPWRITE_FUNCTION_RUNTIME_NAME": language_name(function.runtime),
        "APPWRITE_FUNCTION_RUNTIME_VERSION": function.runtime.rpartition("-")[2],
        "APPWRITE_FUNCTION_CPUS": f"{specification.cpus:g}",
        "APPWRITE_FUNCTION_MEMORY": str(specification.memory),
        "APPWRITE_VERSION": tidewire.__version__,
        "APPWRITE_REGION": REGION,
        "APPWRITE_DEPLOYMENT_TYPE": deployment.type,
        **{f"APPWRITE_VCS_{name}": value for name, value in about_git.items()},
    }


def endpoint_of(settings: Settings) -> str:
    """Where functions reach the API."""
    if settings.functions_endpoint:
        return settings.functions_endpoint.rstrip("/")
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/v1"


async def _read(objects: ObjectStorage, key: str, size: int) -> AsyncIterator[bytes]:
    async for piece in objects.read(key, 0, size):
        yield piece
