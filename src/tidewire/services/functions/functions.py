"""Functions: made, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.functions import RoleList, Schedule, SpecificationSlug, TriggerPattern
from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import CustomId, KeyScope, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse, Whole
from tidewire.core.checks.texts import OrEmpty, Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Function, FunctionList
from tidewire.core.time import now
from tidewire.functions.specifications import DEFAULT_SPECIFICATION, SPECIFICATIONS
from tidewire.services.context import Context
from tidewire.services.functions import operations
from tidewire.services.functions.activation import next_run
from tidewire.services.functions.catalog import require_runtime
from tidewire.services.functions.events import FUNCTION_CREATED, FUNCTION_DELETED, FUNCTION_UPDATED
from tidewire.services.functions.records import find_function, function_of, publish_function
from tidewire.services.functions.rules import follow_functions
from tidewire.services.publishing import publish
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records import functions as records
from tidewire.store.records.rule_changes import note_rules

Name = Annotated[str, Text(1, 128)]
RuntimeKey = Annotated[str, Text()]
Execute = Annotated[Sequence[str], RoleList()]
Events = Annotated[Sequence[str], Items(TriggerPattern())]
Cron = Annotated[str, OrEmpty(Schedule())]
Timeout = Annotated[int, Whole(1, 900)]
Switch = Annotated[bool, TrueOrFalse()]
Entrypoint = Annotated[str, Text(0, 1028)]
Commands = Annotated[str, Text(0, 8192)]
Scopes = Annotated[Sequence[str], Items(KeyScope(), 200)]
GitText = Annotated[str, Text(0, 128)]
GitTexts = Annotated[Sequence[str], Items(Text(1, 128))]
SpecificationName = Annotated[str, SpecificationSlug(tuple(SPECIFICATIONS))]
Retention = Annotated[int, Whole(0, 36_500)]

_MARKING: Final = ("name", "entrypoint", "commands", "provider_root_directory", "runtime")
"""What is not in force after a change until there is a new deployment."""


@operations.declare(
    "create",
    "POST",
    "/functions",
    scopes=("functions.write",),
    status=201,
    event=FUNCTION_CREATED,
)
async def create(
    context: Context,
    function_id: CustomId,
    name: Name,
    runtime: RuntimeKey,
    execute: Execute = (),
    events: Events = (),
    schedule: Cron = "",
    timeout_: Timeout = 15,
    enabled: Switch = True,
    logging: Switch = True,
    entrypoint: Entrypoint = "",
    commands: Commands = "",
    scopes: Scopes = (),
    installation_id: GitText = "",
    provider_repository_id: GitText = "",
    provider_branch: GitText = "",
    provider_silent_mode: Switch = False,
    provider_root_directory: GitText = "",
    provider_branches: GitTexts = (),
    provider_paths: GitTexts = (),
    build_specification: SpecificationName = DEFAULT_SPECIFICATION,
    runtime_specification: SpecificationName = DEFAULT_SPECIFICATION,
    deployment_retention: Retention = 0,
) -> Function:
    """Make a function; it runs once it has an active deployment."""
    await require_runtime(context, runtime)
    _refuse_git(installation_id, provider_repository_id)
    new_id = unique_id() if function_id == "unique()" else function_id
    values = {
        "id": new_id,
        "name": name,
        "runtime": runtime,
        "execute": _distinct(execute),
        "events": _distinct(events),
        "schedule": schedule,
        "timeout": timeout_,
        "enabled": enabled,
        "logging": logging,
        "entrypoint": entrypoint,
        "commands": commands,
        "scopes": _distinct(scopes),
        "provider_branch": provider_branch,
        "provider_silent_mode": provider_silent_mode,
        "provider_root_directory": provider_root_directory,
        "provider_branches": list(provider_branches),
        "provider_paths": list(provider_paths),
        "build_specification": build_specification,
        "runtime_specification": runtime_specification,
        "deployment_retention": deployment_retention,
    }

    def unit(transaction: Transaction) -> Function:
        connection = transaction.connection
        if records.function_row(connection, new_id) is not None:
            raise TidewireError("function_already_exists", "A function with this id already exists.")
        moment = now()
        _require_room(context, connection, moment)
        position = event_log.last_offset(connection)
        row = records.insert_function(
            connection, {**values, "created_at": moment, "updated_at": moment, "position": position}
        )
        return publish_function(transaction, context, FUNCTION_CREATED, row)

    return await context.database.write(unit)


@operations.declare("list", "GET", "/functions", scopes=("functions.read",))
async def list_functions(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(records.LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> FunctionList:
    """List the functions of the project."""

    def unit(connection: Connection) -> FunctionList:
        count, rows = records.list_functions(connection, queries, search, total)
        return FunctionList(total=count, functions=[function_of(connection, row) for row in rows])

    return await context.database.read(unit)


@operations.declare("get", "GET", "/functions/{functionId}", scopes=("functions.read",))
async def get(context: Context, function_id: ResourceId) -> Function:
    """Get a function."""
    return await context.database.read(
        lambda connection: function_of(connection, find_function(connection, function_id))
    )


@operations.declare(
    "update", "PUT", "/functions/{functionId}", scopes=("functions.write",), event=FUNCTION_UPDATED
)
async def update(
    context: Context,
    function_id: ResourceId,
    name: Name,
    runtime: RuntimeKey = "",
    execute: Execute = (),
    events: Events = (),
    schedule: Cron = "",
    timeout_: Timeout = 15,
    enabled: Switch = True,
    logging: Switch = True,
    entrypoint: Entrypoint = "",
    commands: Commands = "",
    scopes: Scopes = (),
    installation_id: GitText = "",
    provider_repository_id: GitText | None = None,
    provider_branch: GitText = "",
    provider_silent_mode: Switch = False,
    provider_root_directory: GitText = "",
    provider_branches: GitTexts | None = None,
    provider_paths: GitTexts | None = None,
    build_specification: SpecificationName | None = None,
    runtime_specification: SpecificationName | None = None,
    deployment_retention: Retention = 0,
) -> Function:
    """Replace the settings of a function: what is not given becomes what it is for a new one.

    Runtime, entrypoint and specifications stay where they are not given.
    """
    if runtime:
        await require_runtime(context, runtime)
    _refuse_git(installation_id, provider_repository_id)
    values: dict[str, Any] = {
        "name": name,
        "execute": _distinct(execute),
        "events": _distinct(events),
        "schedule": schedule,
        "timeout": timeout_,
        "enabled": enabled,
        "logging": logging,
        "commands": commands,
        "scopes": _distinct(scopes),
        "provider_branch": provider_branch,
        "provider_silent_mode": provider_silent_mode,
        "provider_root_directory": provider_root_directory,
        "deployment_retention": deployment_retention,
    }
    kept = {
        "runtime": runtime or None,
        "entrypoint": entrypoint or None,
        "provider_branches": None if provider_branches is None else list(provider_branches),
        "provider_paths": None if provider_paths is None else list(provider_paths),
        "build_specification": build_specification,
        "runtime_specification": runtime_specification,
    }
    values |= {column: value for column, value in kept.items() if value is not None}

    def unit(transaction: Transaction) -> Function:
        connection = transaction.connection
        current = find_function(connection, function_id)
        changes = values | _consequences(connection, current, values)
        row = records.update_function(connection, current.sequence, changes)
        return publish_function(transaction, context, FUNCTION_UPDATED, row)

    return await context.database.write(unit)


@operations.declare(
    "delete", "DELETE", "/functions/{functionId}", scopes=("functions.write",), event=FUNCTION_DELETED
)
async def delete(context: Context, function_id: ResourceId) -> None:
    """Delete a function with its deployments, variables and executions."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = find_function(connection, function_id)
        function = function_of(connection, row)
        records.delete_function(connection, row.sequence, row.id)
        note_rules(connection, row.id)
        publish(transaction, context, FUNCTION_DELETED, {"functionId": function_id}, function)

    await context.database.write(unit)
    await follow_functions(context.instance, context.database)


def _consequences(connection: Connection, current: Row[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from new settings: whether they are in force, and when the function runs next."""
    moment = now()
    follows: dict[str, Any] = {"updated_at": moment}
    if any(values.get(name, getattr(current, name)) != getattr(current, name) for name in _MARKING):
        follows["live"] = False
    if values["events"] != current.events or (values["enabled"] and not current.enabled):
        follows["position"] = event_log.last_offset(connection)  # what was before runs nothing
    if values["schedule"] != current.schedule:
        follows["schedule_next_at"] = next_run(values["schedule"], current.deployment_id, moment)
    return follows


def _require_room(context: Context, connection: Connection, moment: int) -> None:
    """Refuse more functions in a day than the settings allow: ``general_rate_limit_exceeded``."""
    if not context.settings.rate_limits:
        return
    most = context.settings.functions_created_a_day
    if records.count_creation(connection, moment) > most:
        raise TidewireError(
            "general_rate_limit_exceeded",
            f"A project makes at most {most} functions a day (setting functions_created_a_day).",
        )


def _refuse_git(installation_id: str, repository_id: str | None) -> None:
    """Refuse what needs a Git host, to which this server has no way."""
    if installation_id or repository_id:
        raise TidewireError(
            "installation_not_found",
            "This server is connected to no Git host: deploy from the CLI or an SDK.",
        )


def _distinct(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))
