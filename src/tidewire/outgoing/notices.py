"""Notices to the people who own a project."""

from __future__ import annotations

from tidewire.outgoing.webhook_records import Failure, owners_of_team
from tidewire.outgoing.webhook_requests import Webhook
from tidewire.services.messages import webhook_disabled_mail
from tidewire.services.outgoing import enqueue_mail
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.platform import Stores


async def announce_disabled(stores: Stores, project_id: str, webhook: Webhook, failure: Failure) -> None:
    """Put a mail in line for each owner of the project: one of its webhooks is disabled."""
    store = await stores.project(project_id)
    if store is None or not store.project.team_id:
        return
    project = store.project

    def unit(transaction: Transaction) -> None:
        for address, name in owners_of_team(transaction.connection, project.team_id):
            mail = webhook_disabled_mail(
                project.name, name, webhook.name, webhook.url, failure.count, failure.reason
            )
            enqueue_mail(transaction, address, name, mail)

    await stores.platform.write(unit)
