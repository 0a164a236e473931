"""Providers: made, changed and deleted; the operations of each kind follow from its row of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import Id, NewId, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Provider, ProviderList
from tidewire.core.parameters import Check, Location, Parameter
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.messaging import operations
from tidewire.services.messaging.events import PROVIDER_CREATED, PROVIDER_DELETED, PROVIDER_UPDATED
from tidewire.services.messaging.provider_kinds import KINDS, ProviderKind, is_complete
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import providers as records
from tidewire.store.records.providers import PROVIDERS, find_provider

_PROVIDERS: Final = "/messaging/providers"
_PROVIDER: Final = "/messaging/providers/{providerId}"


@operations.read("listProviders", "GET", _PROVIDERS, scopes=("providers.read",))
def list_providers(
    connection: Connection,
    _: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(PROVIDERS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> ProviderList:
    """List the messaging providers of the project."""
    count, rows = list_rows(connection, PROVIDERS, queries, search, (), total)
    return ProviderList(total=count, providers=[provider_of(connection, row) for row in rows])


@operations.read("getProvider", "GET", _PROVIDER, scopes=("providers.read",))
def get_provider(connection: Connection, _: Context, provider_id: ResourceId) -> Provider:
    """Get a messaging provider."""
    return provider_of(connection, find_provider(connection, provider_id))


@operations.write("deleteProvider", "DELETE", _PROVIDER, scopes=("providers.write",), event=PROVIDER_DELETED)
def delete_provider(transaction: Transaction, context: Context, provider_id: ResourceId) -> None:
    """Delete a messaging provider; what it has not carried yet goes by another of its type."""
    row = find_provider(transaction.connection, provider_id)
    _published(transaction, context, PROVIDER_DELETED, row)
    records.delete_provider(transaction.connection, row)


def provider_of(connection: Connection, row: Row[Any]) -> Provider:
    """The provider as the API shows it: of its credentials only the names."""
    credentials = records.credentials_of(connection, row)
    return shown(Provider, row, credentials=dict.fromkeys(credentials, ""))


def _published(transaction: Transaction, context: Context, pattern: str, row: Row[Any]) -> Provider:
    provider = provider_of(transaction.connection, row)
    publish(transaction, context, pattern, {"providerId": row.id}, provider)
    return provider


def _create(
    transaction: Transaction, context: Context, kind: ProviderKind, given: Mapping[str, Any]
) -> Provider:
    credentials, options = _split(kind, given)
    options = {name: value.default for name, value in kind.options.items()} | options
    enabled = given["enabled"] is True and is_complete(kind, credentials, options)
    row = records.insert_provider(
        transaction.connection,
        chosen_id(given["providerId"]),
        credentials,
        name=given["name"],
        provider=kind.name,
        type=kind.type,
        enabled=enabled,
        options=options,
    )
    return _published(transaction, context, PROVIDER_CREATED, row)


def _update(
    transaction: Transaction, context: Context, kind: ProviderKind, given: Mapping[str, Any]
) -> Provider:
    connection = transaction.connection
    row = find_provider(connection, given["providerId"])
    if row.provider != kind.name:
        raise TidewireError(
            "provider_incorrect_type", f"The provider is of the kind {row.provider}, not {kind.name}."
        )
    changed_credentials, changed_options = _split(kind, given)
    credentials = records.credentials_of(connection, row) | changed_credentials
    options = {**row.options, **changed_options}
    enabled = row.enabled if given["enabled"] is None else given["enabled"]
    if given["enabled"] and not is_complete(kind, credentials, options):
        missing = [name for name, value in kind.values.items() if value.needed]
        raise TidewireError(
            "provider_missing_credentials",
            f"A provider of the kind {kind.name} is enabled once it has {', '.join(missing)}.",
        )
    changed = records.change_provider(
        connection, row, credentials, name=given["name"] or row.name, options=options, enabled=enabled
    )
    return _published(transaction, context, PROVIDER_UPDATED, changed)


def _split(kind: ProviderKind, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is given of the credentials and of the options of a kind; empty texts are as good as nothing."""

    def of(names: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: "" if (name, given[name]) == ("encryption", "none") else given[name]
            for name in names
            if given[name] not in (None, "")
        }

    return of(kind.credentials), of(kind.options)


def _parameter(
    name: str, check: Check, *, required: bool = False, default: object = None, where: Location = "body"
) -> Parameter:
    return Parameter(name, name, where, check, required, default, default is None and not required)


def _declare(kind: ProviderKind) -> None:
    """Declare the operations that make and change providers of a kind, by the words of its row."""

    async def create(context: Context, **given: Any) -> Provider:
        return await context.database.write(lambda unit: _create(unit, context, kind, given))

    async def update(context: Context, **given: Any) -> Provider:
        return await context.database.write(lambda unit: _update(unit, context, kind, given))

    create.__doc__ = f"Add a provider of the kind {kind.name}, for messages of the type {kind.type}."
    update.__doc__ = f"Change what is given of a provider of the kind {kind.name}."
    enabled = _parameter("enabled", TrueOrFalse())
    new = (
        _parameter("providerId", NewId(), required=True),
        _parameter("name", Text(1, 128), required=True),
        *(
            _parameter(
                name, value.check, required=value.required, default=None if value.required else value.default
            )
            for name, value in kind.values.items()
        ),
        enabled,
    )
    changed = (
        _parameter("providerId", Id(), required=True, where="path"),
        _parameter("name", Text(1, 128), default=""),
        *(
            _parameter(name, value.changed or value.check, default=value.changed_default)
            for name, value in kind.values.items()
        ),
        enabled,
    )
    operations.declare(
        f"create{kind.spelling}Provider",
        "POST",
        f"{_PROVIDERS}/{kind.name}",
        scopes=("providers.write",),
        status=201,
        event=PROVIDER_CREATED,
        parameters=new,
    )(create)
    operations.declare(
        f"update{kind.spelling}Provider",
        "PATCH",
        f"{_PROVIDERS}/{kind.name}/{{providerId}}",
        scopes=("providers.write",),
        event=PROVIDER_UPDATED,
        parameters=changed,
    )(update)


for _kind in KINDS.values():
    _declare(_kind)
