"""The domains of a function, which lie in the instance's database, follow what becomes of the function."""

from __future__ import annotations

from tidewire.store.instance.instance import Instance
from tidewire.store.records import rules as records


async def point_rules(instance: Instance, project_id: str, function_id: str, deployment_id: str) -> None:
    """Note in the rules of a function which of its deployments is active."""
    if await _has_rules(instance, project_id, function_id):
        await instance.database.write(
            lambda transaction: records.point_rules(
                transaction.connection, project_id, function_id, deployment_id
            )
        )


async def delete_rules(instance: Instance, project_id: str, function_id: str) -> None:
    """Free the domains of a function that was deleted."""
    if await _has_rules(instance, project_id, function_id):
        await instance.database.write(
            lambda transaction: records.delete_rules_of_function(
                transaction.connection, project_id, function_id
            )
        )


async def _has_rules(instance: Instance, project_id: str, function_id: str) -> bool:
    return bool(
        await instance.database.read(
            lambda connection: records.rules_of_function(connection, project_id, function_id)
        )
    )
