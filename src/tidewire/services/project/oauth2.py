"""Providers that users of the project sign in with: an operation for each that changes its settings.

Secrets are sealed, and no answer shows them. What is switched on must be complete, and where the provider can
tell, it must know the app.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args

import msgspec

from tidewire.core.checks.addresses import Domain, Url
from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.numbers import Boolean, TrueOrFalse, Whole
from tidewire.core.checks.texts import Choice, OrEmpty, Text
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.models import SECOND_IDS, AnyOAuth2Provider, ListedOAuth2Provider, OAuth2ProviderList
from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.core.operations import named_parameters
from tidewire.core.project_settings import OAuthSettings, ProjectSettings
from tidewire.core.time import now
from tidewire.oauth.contract import ProviderFailedError
from tidewire.oauth.engine import check_credentials
from tidewire.oauth.fields import FIELDS, Field, ProviderFields, longest_secret
from tidewire.oauth.places import is_host
from tidewire.services.context import Context
from tidewire.services.oauth.asking import ask
from tidewire.services.oauth.registrations import (
    missing_fields,
    provider_name,
    registration_of,
    settings_of,
    with_settings,
)
from tidewire.services.paging import page_of
from tidewire.services.project import operations
from tidewire.services.project.records import change_settings, managed_project
from tidewire.services.publishing import event_of
from tidewire.store.instance.instance import Project

OAUTH2_UPDATED: Final = "oauth2.[providerId].update"

_READ: Final = ("project.oauth2.read",)
_WRITE: Final = ("project.oauth2.write",)
_MODELS: Final[Mapping[str, type[Any]]] = {
    **{str(model.__struct_config__.tag): model for model in get_args(ListedOAuth2Provider)},
    **SECOND_IDS,
}
_LISTED: Final = tuple(
    key
    for model in get_args(ListedOAuth2Provider)
    for key in FIELDS
    if _MODELS[key].__name__ == model.__name__
)
"""Providers in the order in which they are listed."""


@dataclass(frozen=True)
class EmptyOrDomain(Domain):
    """A domain, or the empty text, with which a client removes it."""

    def convert(self, value: object) -> str:
        return "" if value == "" else super().convert(value)


@dataclass(frozen=True)
class MaxAge(Whole):
    """How many seconds ago somebody may have signed in at the provider."""


@operations.declare("listOAuth2Providers", "GET", "/project/oauth2", scopes=_READ)
async def list_oauth2_providers(
    context: Context,
    queries: Annotated[Sequence[str], QueryList((), ("limit", "offset"))] = (),
    total: Boolean = True,
) -> OAuth2ProviderList:
    """List the providers that users can sign in with, set up or not."""
    settings = managed_project(context).settings
    shown = [
        _shown(FIELDS[key], settings_of(settings, key)) for key in page_of(_LISTED, queries, len(_LISTED))
    ]
    return OAuth2ProviderList(total=len(_LISTED) if total else 0, providers=shown)


@operations.declare("getOAuth2Provider", "GET", "/project/oauth2/{providerId}", scopes=_READ)
async def get_oauth2_provider(
    context: Context, provider_id: Annotated[str, Choice(tuple(OAUTH_PROVIDERS))]
) -> AnyOAuth2Provider:
    """Get the settings of a provider, without its secret."""
    settings = managed_project(context).settings
    if provider_id not in FIELDS:
        message = f"The provider {provider_name(provider_id)} has no settings of this kind."
        raise TidewireError("project_provider_unsupported", message)
    shown: AnyOAuth2Provider = _shown(FIELDS[provider_id], settings_of(settings, provider_id))
    return shown


def _shown(fields: ProviderFields, settings: OAuthSettings) -> Any:
    """The settings as the API shows them."""
    values: dict[str, Any] = {fields.client_id.name: settings.client_id, fields.secret.name: ""}
    for option in fields.options:
        values[option.name] = settings.options.get(option.name, _usual(fields, option))
    model = _MODELS[fields.key]
    named = {each.encode_name: each.name for each in msgspec.structs.fields(model)}
    return model(enabled=settings.enabled, **{named[name]: value for name, value in values.items()})


def _usual(fields: ProviderFields, option: Field) -> Any:
    """What an option is until it is set."""
    if option.kind == "prompt":
        return ["consent"] if fields.key == "google" else []
    return None if option.kind == "age" else ""


def _declare(fields: ProviderFields) -> None:
    """Declare the operation that changes the settings of a provider."""

    async def update(context: Context, **given: Any) -> Any:
        before = settings_of(managed_project(context).settings, fields.key)
        wanted = await _wanted(context, fields, before, given)

        def change(settings: ProjectSettings) -> ProjectSettings:
            if settings_of(settings, fields.key) != before:
                raise TidewireError("general_bad_request", "Somebody else changed the settings; try again.")
            return with_settings(settings, fields.key, wanted)

        shown = _shown(fields, wanted)

        def told(_project: Project) -> Event:
            return event_of(context, OAUTH2_UPDATED, {"providerId": fields.key}, shown)

        await change_settings(context, change, told)
        return shown

    update.__doc__ = (
        f"Change the settings of signing in with {provider_name(fields.key)}; what is not given stays."
    )
    path = f"/project/oauth2/{fields.key}"
    annotations = {each.name: _annotation(each) for each in fields.shown} | {"enabled": _Switch}
    operations.declare(
        fields.operation,
        "PATCH",
        path,
        scopes=_WRITE,
        model=next(model for key, model in _MODELS.items() if model.__name__ == _MODELS[fields.key].__name__),
        event=OAUTH2_UPDATED,
        parameters=named_parameters("PATCH", path, annotations, dict.fromkeys(annotations)),
    )(update)


_Switch = Annotated[bool, TrueOrFalse()] | None


def _annotation(field: Field) -> Any:
    check: Any = {
        "id": Text(0, 256),
        "secret": Text(0, longest_secret(field)),
        "text": Text(0, 256),
        "host": EmptyOrDomain() if field.name == "domain" else Text(0, 256),
        "url": OrEmpty(Url()),
        "prompt": Items(Choice(field.choices), len(field.choices)),
        "age": MaxAge(0, 10 * 365 * 24 * 3600),
    }[field.kind]
    return Annotated[Any, check] | None


async def _wanted(
    context: Context, fields: ProviderFields, before: OAuthSettings, given: Mapping[str, Any]
) -> OAuthSettings:
    """The settings with what is given; null and what is missing keep what was there.

    Raises ``general_argument_invalid`` for what is to be switched on and cannot be used.
    """
    known = {name: value for name, value in given.items() if value is not None}
    enabled = known.pop("enabled", None)
    secret = known.pop(fields.secret.name, None)
    wanted = OAuthSettings(
        enabled=False,
        client_id=known.pop(fields.client_id.name, before.client_id),
        secret=before.secret if secret is None else secret and context.encryption.seal(secret),
        options={**before.options, **known},
    )
    _require_prompt(fields, known.get("prompt"))
    if enabled is False:
        return wanted
    reason = await _fault(context, fields, wanted)
    if reason and enabled:
        message = f"The provider {provider_name(fields.key)} cannot be switched on: {reason}."
        raise TidewireError("general_argument_invalid", message)
    return msgspec.structs.replace(wanted, enabled=not reason)


async def _fault(context: Context, fields: ProviderFields, wanted: OAuthSettings) -> str:
    """Why the settings cannot be used; empty if they can."""
    missing = missing_fields(fields, wanted)
    if missing:
        return f"it needs {', '.join(missing)}"
    for option in fields.options:
        value = wanted.options.get(option.name)
        if option.kind == "host" and value and not is_host(value):
            return f"{option.name} must be a host, such as {option.example}"
    try:
        registration = registration_of(context, fields.key, wanted)
        if registration.provider.probe:
            await ask(context, check_credentials(registration, now() // 1000))
    except ProviderFailedError as error:
        return str(error)
    return ""


def _require_prompt(fields: ProviderFields, prompt: Sequence[str] | None) -> None:
    """Refuse what no provider understands as a prompt."""
    if prompt is None:
        return
    if not prompt and fields.key == "google":
        raise TidewireError("general_argument_invalid", "Invalid `prompt` param: it must not be empty.")
    if "none" in prompt and len(prompt) > 1:
        message = "Invalid `prompt` param: `none` says that nothing is to be asked, and stands alone."
        raise TidewireError("general_argument_invalid", message)


for _fields in FIELDS.values():
    _declare(_fields)
