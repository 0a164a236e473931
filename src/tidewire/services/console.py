"""The console service: the server's features, and the scopes that keys can have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.errors import TidewireError
from tidewire.core.locales import DEFAULT_LOCALE
from tidewire.core.models import (
    ConsoleKeyScope,
    ConsoleKeyScopeList,
    ConsoleOAuth2Provider,
    ConsoleOAuth2ProviderList,
    ConsoleOAuth2ProviderParameter,
    ConsoleVariables,
    EmailTemplate,
)
from tidewire.core.operations import Operations
from tidewire.core.rate_limits import RateLimit
from tidewire.core.scope_catalog import ORGANIZATION_SCOPES, PROJECT_SCOPES, ScopeEntry
from tidewire.oauth.fields import FIELDS
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.email_templates import KindOfMail, Locale, built_in
from tidewire.services.proxy.verification import own_hosts
from tidewire.store.records.rules import has_rule

operations: Final = Operations("console")


@operations.declare("variables", "GET", "/console/variables", scopes=("projects.read",))
async def variables(context: Context) -> ConsoleVariables:
    """Get what this server is and can do."""
    return ConsoleVariables(
        domain_target_cname="",
        domain_target_a="",
        domain_target_aaaa="",
        domain_target_caa="",
        domain_enabled=False,
        domain_sites="",
        domain_functions=context.settings.functions_domain,
        domains_nameservers="",
        compute_build_timeout=int(context.settings.functions_build_timeout),
        compute_size_limit=context.settings.functions_max_source_bytes,
        storage_limit=context.settings.max_file_bytes,
        usage_stats="disabled",
        vcs_enabled=False,
        vcs_providers=[],
        vcs_providers_with_repository_creation=[],
        vcs_providers_with_public_repositories=[],
        assistant_enabled=False,
        options_force_https="disabled",
        db_adapter="sqlite",
        support_for_relationships=True,
        support_for_operators=True,
        support_for_spatials=True,
        support_for_spatial_index_null=True,
        support_for_fulltext_wildcard=True,
        support_for_multiple_fulltext_indexes=True,
        support_for_attributes=True,
        support_for_attribute_resizing=True,
        support_for_schemas=True,
        max_index_length=context.settings.index_length_max,
        support_for_integer_ids=True,
    )


@operations.declare("getEmailTemplate", "GET", "/console/templates/email/{templateId}", scopes=("public",))
async def get_email_template(
    context: Context,  # noqa: ARG001
    template_id: KindOfMail,
    locale: Locale = "",
) -> EmailTemplate:
    """Get the built-in texts of a kind of mail, whatever projects have in their place."""
    return built_in(template_id, locale or DEFAULT_LOCALE)


@operations.declare("listProjectScopes", "GET", "/console/scopes/project", scopes=("public",))
async def list_project_scopes(context: Context) -> ConsoleKeyScopeList:  # noqa: ARG001
    """List the scopes that API keys of projects can carry."""
    return _scopes(PROJECT_SCOPES)


@operations.declare("listOrganizationScopes", "GET", "/console/scopes/organization", scopes=("public",))
async def list_organization_scopes(context: Context) -> ConsoleKeyScopeList:  # noqa: ARG001
    """List the scopes that API keys of organisations can carry."""
    return _scopes(ORGANIZATION_SCOPES)


@operations.declare(
    "getResource",
    "GET",
    "/console/resources",
    scopes=("rules.read",),
    limit=RateLimit(120, 60, ("userId:{userId}, url:{url}",)),
)
async def get_resource(
    context: Context,
    value: Annotated[str, Text(1, 256)],
    type: Annotated[str, AnyCaseChoice(("rules",))],  # noqa: A002, ARG001 - the word on the wire
) -> None:
    """Say whether a host name is free for a rule; one that is this server's own is not."""
    domain = value.lower()
    if domain in own_hosts(context.settings):
        raise TidewireError("resource_already_exists", "This host name is the server's own.")
    if await context.instance.database.read(lambda connection: has_rule(connection, domain)):
        raise TidewireError("resource_already_exists", "There is a rule for this host name already.")


@operations.declare("listOAuth2Providers", "GET", "/console/oauth2-providers", scopes=("public",))
async def list_oauth2_providers(context: Context) -> ConsoleOAuth2ProviderList:  # noqa: ARG001
    """List the providers that users of projects can sign in with, and what each is set up with."""
    providers = [
        ConsoleOAuth2Provider(
            id=key,
            parameters=[
                shown(ConsoleOAuth2ProviderParameter, each, id=each.name, name=each.label)
                for each in fields.shown
            ],
        )
        for key, fields in FIELDS.items()
    ]
    return ConsoleOAuth2ProviderList(total=len(providers), providers=providers)


def _scopes(entries: Sequence[ScopeEntry]) -> ConsoleKeyScopeList:
    return ConsoleKeyScopeList(
        total=len(entries),
        scopes=[shown(ConsoleKeyScope, entry, id=entry.name) for entry in entries],
    )
