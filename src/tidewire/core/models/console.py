"""Models of what the console asks about the server."""

from __future__ import annotations

import msgspec

from tidewire.core.models.base import Model, system


class ConsoleVariables(Model, frozen=True, kw_only=True):
    """What this server is and can do. The names beginning with ``_APP`` are settings of Appwrite's server."""

    domain_target_cname: str = msgspec.field(name="_APP_DOMAIN_TARGET_CNAME")
    domain_target_a: str = msgspec.field(name="_APP_DOMAIN_TARGET_A")
    compute_build_timeout: int = msgspec.field(name="_APP_COMPUTE_BUILD_TIMEOUT")
    """Seconds."""
    domain_target_aaaa: str = msgspec.field(name="_APP_DOMAIN_TARGET_AAAA")
    domain_target_caa: str = msgspec.field(name="_APP_DOMAIN_TARGET_CAA")
    storage_limit: int = msgspec.field(name="_APP_STORAGE_LIMIT")
    """Bytes of a file."""
    compute_size_limit: int = msgspec.field(name="_APP_COMPUTE_SIZE_LIMIT")
    """Bytes of a deployment."""
    usage_stats: str = msgspec.field(name="_APP_USAGE_STATS")
    vcs_enabled: bool = msgspec.field(name="_APP_VCS_ENABLED")
    vcs_providers: list[str] = msgspec.field(name="_APP_VCS_PROVIDERS")
    vcs_providers_with_repository_creation: list[str] = msgspec.field(
        name="_APP_VCS_PROVIDERS_WITH_REPOSITORY_CREATION"
    )
    vcs_providers_with_public_repositories: list[str] = msgspec.field(
        name="_APP_VCS_PROVIDERS_WITH_PUBLIC_REPOSITORIES"
    )
    domain_enabled: bool = msgspec.field(name="_APP_DOMAIN_ENABLED")
    assistant_enabled: bool = msgspec.field(name="_APP_ASSISTANT_ENABLED")
    domain_sites: str = msgspec.field(name="_APP_DOMAIN_SITES")
    domain_functions: str = msgspec.field(name="_APP_DOMAIN_FUNCTIONS")
    options_force_https: str = msgspec.field(name="_APP_OPTIONS_FORCE_HTTPS")
    domains_nameservers: str = msgspec.field(name="_APP_DOMAINS_NAMESERVERS")
    db_adapter: str = msgspec.field(name="_APP_DB_ADAPTER")
    support_for_relationships: bool
    support_for_operators: bool
    support_for_spatials: bool
    support_for_spatial_index_null: bool
    support_for_fulltext_wildcard: bool
    support_for_multiple_fulltext_indexes: bool
    support_for_attributes: bool
    """Whether collections have attributes; not in the catalog, but test suites ask for it."""
    support_for_attribute_resizing: bool
    support_for_schemas: bool
    max_index_length: int
    support_for_integer_ids: bool


class ConsoleKeyScope(Model, frozen=True, kw_only=True):
    """A scope that a key can carry."""

    id: str = system("id")
    description: str
    category: str
    deprecated: bool


class ConsoleKeyScopeList(Model, frozen=True, kw_only=True):
    """All scopes that keys of one kind can carry."""

    total: int
    scopes: list[ConsoleKeyScope]
