"""Webhooks: registered, changed, forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, select, update

from tidewire.core.checks.addresses import WebhookUrl
from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import CustomId, EventPattern, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import OrEmpty, Secret, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Webhook, WebhookList
from tidewire.core.operations import Operations
from tidewire.core.time import now
from tidewire.outbound.guard import ForbiddenAddressError, guard_of
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.project.records import managed_project
from tidewire.services.publishing import publish
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import webhooks

operations: Final = Operations("webhooks")

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

_LIST: Final = resource_list(
    webhooks,
    "name",
    "url",
    "authUsername",
    "tls",
    "httpUser",
    "security",
    "events",
    "enabled",
    "logs",
    "attempts",
    columns={"httpUser": webhooks.c.auth_username, "security": webhooks.c.tls},
)
_BY_ID: Final = select(webhooks).where(webhooks.c.id == bindparam("id"))


@operations.declare(
    "create",
    "POST",
    "/webhooks",
    aliases=("/projects/{projectId}/webhooks",),
    scopes=("webhooks.write",),
    status=201,
    event=WEBHOOK_CREATED,
)
async def create(
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
    new_id = unique_id() if webhook_id == "unique()" else webhook_id
    signing = secret or secrets.token_hex(_SECRET_BYTES)
    seal = context.encryption.seal
    values = {
        "name": name,
        "url": url,
        "events": list(dict.fromkeys(events)),
        "enabled": enabled,
        "tls": tls,
        "auth_username": auth_username,
        "auth_password": auth_password and seal(auth_password),
        "secret": seal(signing),
    }

    def unit(transaction: Transaction) -> Webhook:
        connection = transaction.connection
        if connection.execute(_BY_ID, {"id": new_id}).first():
            raise TidewireError("webhook_already_exists", "A webhook with this id already exists.")
        moment = now()
        times = {"created_at": moment, "updated_at": moment}
        connection.execute(insert(webhooks), {"id": new_id, **times, **_afresh(connection), **values})
        return _published(transaction, context, WEBHOOK_CREATED, new_id)

    return msgspec.structs.replace(await context.database.write(unit), secret=signing)


@operations.declare(
    "list",
    "GET",
    "/webhooks",
    aliases=("/projects/{projectId}/webhooks",),
    scopes=("webhooks.read",),
)
async def list_webhooks(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    total: Boolean = True,
) -> WebhookList:
    """List the webhooks of the project."""
    managed_project(context)
    count, rows = await context.database.read(
        lambda connection: list_rows(connection, _LIST, queries, "", (), total)
    )
    return WebhookList(total=count, webhooks=[webhook_of(row) for row in rows])


@operations.declare(
    "get",
    "GET",
    "/webhooks/{webhookId}",
    aliases=("/projects/{projectId}/webhooks/{webhookId}",),
    scopes=("webhooks.read",),
)
async def get(context: Context, webhook_id: ResourceId) -> Webhook:
    """Get a webhook."""
    managed_project(context)
    return await context.database.read(lambda connection: webhook_of(find_webhook(connection, webhook_id)))


@operations.declare(
    "update",
    "PUT",
    "/webhooks/{webhookId}",
    aliases=("/projects/{projectId}/webhooks/{webhookId}",),
    scopes=("webhooks.write",),
    event=WEBHOOK_UPDATED,
)
async def update_webhook(
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
    """Replace a webhook. Its secret stays, and a password that is not given; an empty one takes it away.

    Enabled again, it begins with the events from then on.
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

    def unit(transaction: Transaction) -> Webhook:
        connection = transaction.connection
        current = find_webhook(connection, webhook_id)
        if enabled and not current.enabled:
            values.update(_afresh(connection))
        connection.execute(
            update(webhooks)
            .where(webhooks.c.sequence == current.sequence)
            .values(updated_at=_later(), **values)
        )
        return _published(transaction, context, WEBHOOK_UPDATED, webhook_id)

    return await context.database.write(unit)


@operations.declare(
    "updateSecret",
    "PATCH",
    "/webhooks/{webhookId}/secret",
    aliases=("/projects/{projectId}/webhooks/{webhookId}/signature",),
    scopes=("webhooks.write",),
    event=WEBHOOK_UPDATED,
)
async def update_secret(context: Context, webhook_id: ResourceId, secret: SigningSecret = None) -> Webhook:
    """Replace the secret of a webhook, by a new one if none is given; it is in this answer only."""
    managed_project(context)
    signing = secret or secrets.token_hex(_SECRET_BYTES)
    sealed = context.encryption.seal(signing)

    def unit(transaction: Transaction) -> Webhook:
        row = find_webhook(transaction.connection, webhook_id)
        transaction.connection.execute(
            update(webhooks)
            .where(webhooks.c.sequence == row.sequence)
            .values(secret=sealed, updated_at=_later())
        )
        return _published(transaction, context, WEBHOOK_UPDATED, webhook_id)

    return msgspec.structs.replace(await context.database.write(unit), secret=signing)


@operations.declare(
    "delete",
    "DELETE",
    "/webhooks/{webhookId}",
    aliases=("/projects/{projectId}/webhooks/{webhookId}",),
    scopes=("webhooks.write",),
    event=WEBHOOK_DELETED,
)
async def delete_webhook(context: Context, webhook_id: ResourceId) -> None:
    """Forget a webhook; what was not delivered yet never will be."""
    managed_project(context)

    def unit(transaction: Transaction) -> None:
        row = find_webhook(transaction.connection, webhook_id)
        transaction.connection.execute(delete(webhooks).where(webhooks.c.sequence == row.sequence))
        publish(transaction, context, WEBHOOK_DELETED, {"webhookId": webhook_id}, webhook_of(row))

    await context.database.write(unit)


def find_webhook(connection: Connection, webhook_id: str) -> Row[Any]:
    """Return a webhook; raises ``webhook_not_found``."""
    row = connection.execute(_BY_ID, {"id": webhook_id}).one_or_none()
    if row is None:
        raise TidewireError("webhook_not_found", "There is no webhook with this id.")
    return row


def webhook_of(row: Row[Any]) -> Webhook:
    """The webhook as the API shows it, nothing secret in it."""
    return shown(Webhook, row, auth_password="", secret="")


def _check_address(context: Context, url: str) -> None:
    """Refuse an address that can be seen to be internal; what its name leads to is looked at on delivery."""
    try:
        guard_of(context.settings).check(urlsplit(url).hostname or "")
    except ForbiddenAddressError as error:
        raise TidewireError("general_argument_invalid", f"Invalid `url` param: {error}.") from None


def _later() -> ColumnElement[int]:
    """When a webhook is changed, always later than before: by this deliveries know it from what it was."""
    return func.max(webhooks.c.updated_at + 1, now())


def _afresh(connection: Connection) -> dict[str, Any]:
    """The state of delivery of a webhook that begins now."""
    return {
        "position": event_log.last_offset(connection),
        "attempts": 0,
        "failures": 0,
        "next_attempt_at": 0,
        "logs": "",
    }


def _published(transaction: Transaction, context: Context, pattern: str, webhook_id: str) -> Webhook:
    webhook = webhook_of(find_webhook(transaction.connection, webhook_id))
    publish(transaction, context, pattern, {"webhookId": webhook_id}, webhook)
    return webhook
