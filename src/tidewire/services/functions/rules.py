"""The domains of a function, which lie in the instance's database, follow what becomes of the function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.instance.instance import Instance
from tidewire.store.records import rules as records
from tidewire.store.records.functions import function_row
from tidewire.store.records.rule_changes import drop_note, note_rules, noted_rules


@dataclass(frozen=True)
class _Changed:
    function_id: str
    note: str
    deployment_id: str | None
    """The active deployment; None: the function was deleted."""
    moment: int
    """When it was looked at; rules that are made later are of a function that was made anew."""


async def follow_functions(instance: Instance, database: Database) -> None:
    """Bring the rules of a project's functions up to what was noted with changes of the functions.

    Whoever commits such a change calls it; after a crash in between, the work on functions does. Two may do
    it at the same time: the one whose note was dropped meanwhile looks again, so that the newest state wins.
    """
    while changed := await database.read(_changed):
        await instance.database.write(partial(_apply, database.project_id, changed))
        await database.write(partial(_drop, changed))


async def follow_function(instance: Instance, database: Database, function_id: str) -> None:
    """Bring the rules of one function up to what it is now."""
    await database.write(lambda transaction: note_rules(transaction.connection, function_id))
    await follow_functions(instance, database)


def _changed(connection: Connection) -> list[_Changed]:
    moment = now()
    return [
        _Changed(function_id, note, function.deployment_id if function else None, moment)
        for function_id, note in noted_rules(connection).items()
        for function in (function_row(connection, function_id),)
    ]


def _apply(project_id: str, changed: list[_Changed], transaction: Transaction) -> None:
    connection = transaction.connection
    for each in changed:
        if each.deployment_id is None:
            records.delete_rules_of_function(connection, project_id, each.function_id, each.moment)
        else:
            records.point_rules(connection, project_id, each.function_id, each.deployment_id)


def _drop(changed: list[_Changed], transaction: Transaction) -> None:
    connection = transaction.connection
    for each in changed:
        if not drop_note(connection, each.function_id, each.note):
            note_rules(connection, each.function_id)
