"""What is run: the active deployment of a function with its environment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import tidewire
from tidewire.functions.contract import Run
from tidewire.functions.runtimes import language_name
from tidewire.functions.specifications import SPECIFICATIONS, Specification
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.records.runnables import FunctionToRun
from tidewire.store.secrets.encryption import Encryption

REGION = "default"
KEPT: Final = 256
"""Functions of which is kept what runs, with their variables in clear, as their processes have them too."""


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
    connection: Connection, objects: ObjectStorage, settings: Settings, function: FunctionToRun
) -> Runnable:
    """What runs of a function whose active deployment is ready; the same as long as nothing has changed."""
    return _runnable(
        connection.project_id,
        function,
        connection.encryption,
        objects,
        endpoint_of(settings),
    )


@lru_cache(maxsize=KEPT)
def _runnable(
    project_id: str,
    function: FunctionToRun,
    encryption: Encryption,
    objects: ObjectStorage,
    endpoint: str,
) -> Runnable:
    assert function.deployment_id is not None
    assert function.entrypoint is not None
    specification = SPECIFICATIONS[function.runtime_specification]
    kind = function.deployment_type or ""
    told = _server_variables(project_id, function, function.deployment_id, kind, specification, endpoint)
    run = Run(
        project=project_id,
        deployment=function.deployment_id,
        runtime=function.runtime,
        entrypoint=function.entrypoint,
        specification=specification,
        environment=_opened(function.variables, encryption) | told,
        archive=partial(_read, objects, function.output_key or "", function.build_size or 0),
    )
    return Runnable(
        project_id=project_id,
        function_id=function.id,
        function_sequence=function.sequence,
        deployment_id=function.deployment_id,
        scopes=tuple(function.scopes),
        seconds=function.timeout,
        logging=function.logging,
        run=run,
    )


def environment(
    connection: Connection,
    settings: Settings,
    function: FunctionToRun,
    deployment: Row[Any],
    specification: Specification,
) -> dict[str, str]:
    """The environment of a build: variables of the project, of the function, and what the server tells it."""
    told = _server_variables(
        connection.project_id, function, deployment.id, deployment.type, specification, endpoint_of(settings)
    )
    return _opened(function.variables, connection.encryption) | told


def _opened(variables: tuple[tuple[str, str], ...], encryption: Encryption) -> dict[str, str]:
    """Variables in clear; of those of the same name the last."""
    return {key: encryption.open(value) for key, value in variables}


def _server_variables(
    project_id: str,
    function: FunctionToRun,
    deployment_id: str,
    deployment_type: str,
    specification: Specification,
    endpoint: str,
) -> dict[str, str]:
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
        "APPWRITE_FUNCTION_API_ENDPOINT": endpoint,
        "APPWRITE_FUNCTION_ID": function.id,
        "APPWRITE_FUNCTION_NAME": function.name,
        "APPWRITE_FUNCTION_DEPLOYMENT": deployment_id,
        "APPWRITE_FUNCTION_PROJECT_ID": project_id,
        "APPWRITE_FUNCTION_RUNTIME_NAME": language_name(function.runtime),
        "APPWRITE_FUNCTION_RUNTIME_VERSION": function.runtime.rpartition("-")[2],
        "APPWRITE_FUNCTION_CPUS": f"{specification.cpus:g}",
        "APPWRITE_FUNCTION_MEMORY": str(specification.memory),
        "APPWRITE_VERSION": tidewire.__version__,
        "APPWRITE_REGION": REGION,
        "APPWRITE_DEPLOYMENT_TYPE": deployment_type,
        **{f"APPWRITE_VCS_{name}": value for name, value in about_git.items()},
    }


def endpoint_of(settings: Settings) -> str:
    """Return the address at which functions reach the API."""
    if settings.functions_endpoint:
        return settings.functions_endpoint.rstrip("/")
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/v1"


async def _read(objects: ObjectStorage, key: str, size: int) -> AsyncIterator[bytes]:
    async for piece in objects.read(key, 0, size):
        yield piece
