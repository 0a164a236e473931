"""Which deployment of a function runs, and which one is the newest."""

from __future__ import annotations

from typing import Any

from tidewire.core.schedules import next_time
from tidewire.core.time import now
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.records.deployments import newest_deployment
from tidewire.store.records.functions import update_function
from tidewire.store.records.rule_changes import note_rules


def activate(connection: Connection, function: Row[Any], deployment: Row[Any]) -> Row[Any]:
    """Make a deployment that is ready the one that runs; returns the function as it is now.

    After the commit the function's rules are to follow (:mod:`tidewire.services.functions.rules`).
    """
    moment = now()
    values = {
        "updated_at": moment,
        "deployment_id": deployment.id,
        "deployment_created_at": deployment.created_at,
        "live": True,
        "schedule_next_at": next_run(function.schedule, deployment.id, moment),
    }
    if not function.deployment_id:
        values["position"] = event_log.last_offset(connection)  # what was before runs nothing
    note_rules(connection, function.id)
    return update_function(connection, function.sequence, values)


def deactivate(connection: Connection, function: Row[Any]) -> None:
    """Leave a function without a deployment that runs."""
    values = {"deployment_id": "", "deployment_created_at": 0, "schedule_next_at": 0}
    note_rules(connection, function.id)
    update_function(connection, function.sequence, values)


def next_run(schedule: str, deployment_id: str, after: int) -> int:
    """Return when a function is run next by its schedule; 0: never, for it has none or nothing to run."""
    return next_time(schedule, after) if schedule and deployment_id else 0


def latest_of(connection: Connection, function: Row[Any]) -> Row[Any]:
    """Note in a function which of its deployments is the newest and how it is; returns it as it is now."""
    newest = newest_deployment(connection, function.sequence)
    values = {
        "latest_deployment_id": newest.id if newest else "",
        "latest_deployment_created_at": newest.created_at if newest else 0,
        "latest_deployment_status": newest.status if newest else "",
    }
    return update_function(connection, function.sequence, values)
