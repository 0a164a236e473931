"""``tidewire user purge``: the end of a user, and of what is kept of them."""

from __future__ import annotations

import click

from tidewire.cli.manage import with_instance
from tidewire.services.user_deletion import delete_user, publish_deletion
from tidewire.settings import Settings
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import Instance
from tidewire.store.records.projects import project_not_found
from tidewire.store.records.users import user_by
from tidewire.store.upkeep.outbox import Outbox
from tidewire.store.upkeep.purging import purge, request_purge


def purge_user(settings: Settings, project_id: str, user_id: str) -> None:
    """Delete a user, or purge what is left of one who was deleted before; print what was done."""

    async def work(instance: Instance) -> tuple[bool, int]:
        store = await instance.project(project_id)
        if store is None:
            raise project_not_found()

        def unit(transaction: Transaction) -> bool:
            if user_by(transaction.connection, id=user_id) is None:
                request_purge(transaction.connection, user_id, ())
                return False
            delete_user(transaction, user_id)
            publish_deletion(transaction, store.project, "", user_id)
            return True

        deleted = await store.database.write(unit)
        return deleted, await purge(store.database, Outbox(settings.data_dir), user_id)

    deleted, events = with_instance(settings, work)
    who = f"The user {user_id} was deleted" if deleted else f"There is no user {user_id}"
    click.echo(f"{who}; personal data of {events} events and all messages to them are gone.")
    click.echo("Rows and files that they made are left: see docs/people-and-projects.md.")
