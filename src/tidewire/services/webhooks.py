"""Webhooks: registered, changed and deleted."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

from tidewire.core.checks.addresses import WebhookUrl
from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import CustomId, EventPattern, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import OrEmpty, Secret, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Webhook, WebhookList
from tidewire.outbound.guard import ForbiddenAddressError, guard_of
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.operations import ServiceOperations
from tidewire.services.project.records import managed_project
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import webhooks as records
from tidewire.store.records.webhooks import WEBHOOKS, change_webhook, find_webhook, insert_webhook

operations: Final = ServiceOperations("webhooks")

WEBHOOK_CREATED: Final = "webhooks.[webhookId].create"
WEBHOOK_UPDATED: Final = "webhooks.[webhookId].update"
WEBHOOK_DELETED: Final = "webhooks.[webhookId].delete"

_SECRET_BYTES: Final = 64

Name = Annotated[str, Text(1, 128)]
Address = Annotated[str, WebhookUrl()]
Events = Annotated[Sequence[str], Items(EventPattern())]
Switch = Annotated[bool, TrueOrFalse()]
UserName = Annotated[str, Text(1, 256)]
Password = Annotated[str, Secret(1, 256)]
SigningSecret = Annotated[str, Text(8, 256)] | None

_WEBHOOKS: Final = "/webhooks"
_WEBHOOK: Final = "/webhooks/{webhookId}"
_OLDER_WEBHOOKS: Final = ("/projects/{projectId}/webhooks",)
_OLDER_WEBHOOK: Final = ("/projects/{projectId}/webhooks/{webhookId}",)


@operations.write(
    "create",
    "POST",
    _WEBHOOKS,
    aliases=_OLDER_WEBHOOKS,
    scopes=("webhooks.write",),
    status=201,
    event=WEBHOOK_CREATED,
)
def create(
    transaction: Transaction,
    context: Context,
    webhook_id: CustomId,
    url: Address,
    name: Name,
    events: Events,
    enabled: Switch = True,
    tls: Switch = False,
    auth_username: UserName = "",
    auth_password: Password = "",
    secret: SigningSecret = None,
) -> Webhook:
    """Have events from now on sent to an address; the secret that signs them is in this answer only."""
    managed_project(context)
    _check_address(context, url)
    signing, seal = secret or secrets.token_hex(_SECRET_BYTES), context.encryption.seal
    row = insert_webhook(
        transaction.connection,
        chosen_id(webhook_id),
        name=name,
        url=url,
        events=list(dict.fromkeys(events)),
        enabled=enabled,
        tls=tls,
        auth_username=auth_username,
        auth_password=auth_password and seal(auth_password),
        secret=seal(signing),
    )
    return msgspec.structs.replace(_published(transaction, context, WEBHOOK_CREATED, row), secret=signing)


@operations.read("list", "GET", _WEBHOOKS, aliases=_OLDER_WEBHOOKS, scopes=("webhooks.read",))
def list_webhooks(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(WEBHOOKS.attributes))] = (),
    total: Boolean = True,
) -> WebhookList:
    """List the webhooks of the project."""
    managed_project(context)
    count, rows = list_rows(connection, WEBHOOKS, queries, "", (), total)
    return WebhookList(total=count, webhooks=[webhook_of(row) for row in rows])


@operations.read("get", "GET", _WEBHOOK, aliases=_OLDER_WEBHOOK, scopes=("webhooks.read",))
def get(connection: Connection, context: Context, webhook_id: ResourceId) -> Webhook:
    """Get a webhook."""
    managed_project(context)
    return webhook_of(find_webhook(connection, webhook_id))


@operations.write(
    "update", "PUT", _WEBHOOK, aliases=_OLDER_WEBHOOK, scopes=("webhooks.write",), event=WEBHOOK_UPDATED
)
def update_webhook(
    transaction: Transaction,
    context: Context,
    webhook_id: ResourceId,
    name: Name,
    url: Address,
    events: Events,
    enabled: Switch = True,
    tls: Switch = False,
    auth_username: Annotated[str, OrEmpty(Text(1, 256))] = "",
    auth_password: Annotated[str, OrEmpty(Secret(1, 256))] | None = None,
) -> Webhook:
    """Replace a webhook. Its secret stays, and a password that is not given; an empty one removes it.

    If it is enabled again, it begins with the events from then on.
    """
    managed_project(context)
    _check_address(context, url)
    values: dict[str, Any] = {
        "name": name,
        "url": url,
        "events": list(dict.fromkeys(events)),
        "enabled": enabled,
        "tls": tls,
        "auth_username": auth_username,
        "next_attempt_at": 0,  # what failed before may work now
    }
    if auth_password is not None:
        values["auth_password"] = auth_password and context.encryption.seal(auth_password)
    current = find_webhook(transaction.connection, webhook_id)
    changed = change_webhook(transaction.connection, current, **values)
    return _published(transaction, context, WEBHOOK_UPDATED, changed)


@operations.write(
    "updateSecret",
    "PATCH",
    "/webhooks/{webhookId}/secret",
    aliases=("/projects/{projectId}/webhooks/{webhookId}/signature",),
    scopes=("webhooks.write",),
    event=WEBHOOK_UPDATED,
)
def update_secret(
    transaction: Transaction, context: Context, webhook_id: ResourceId, secret: SigningSecret = None
) -> Webhook:
    """Replace the secret of a webhook, by a new one if none is given; it is in this answer only."""
    managed_project(context)
    signing = secret or secrets.token_hex(_SECRET_BYTES)
    current = find_webhook(transaction.connection, webhook_id)
    changed = change_webhook(transaction.connection, current, secret=context.encryption.seal(signing))
    return msgspec.structs.replace(_published(transaction, context, WEBHOOK_UPDATED, changed), secret=signing)


@operations.write(
    "delete", "DELETE", _WEBHOOK, aliases=_OLDER_WEBHOOK, scopes=("webhooks.write",), event=WEBHOOK_DELETED
)
def delete_webhook(transaction: Transaction, context: Context, webhook_id: ResourceId) -> None:
    """Delete a webhook; what was not delivered yet never will be."""
    managed_project(context)
    row = find_webhook(transaction.connection, webhook_id)
    records.delete_webhook(transaction.connection, row)
    _published(transaction, context, WEBHOOK_DELETED, row)


def webhook_of(row: Row[Any]) -> Webhook:
    """The webhook as the API shows it, nothing secret in it."""
    return shown(Webhook, row, auth_password="", secret="")


def _check_address(context: Context, url: str) -> None:
    """Refuse an address that can be seen to be internal; what its name leads to is looked at on delivery."""
    try:
        guard_of(context.settings).check(urlsplit(url).hostname or "")
    except ForbiddenAddressError as error:
        raise TidewireError("general_argument_invalid", f"Invalid `url` param: {error}.") from None


def _published(transaction: Transaction, context: Context, pattern: str, row: Row[Any]) -> Webhook:
    webhook = webhook_of(row)
    publish(transaction, context, pattern, {"webhookId": row.id}, webhook)
    return webhook
