"""Models of countries, languages, currencies, and where a client is."""

from __future__ import annotations

import msgspec

from tidewire.core.models.base import Model, Page, system


class Locale(Model, frozen=True, kw_only=True):
    """The place that a request comes from, as far as its address tells."""

    ip: str
    country_code: str
    """ISO 3166-1 alpha-2; ``--`` where it is not known."""
    country: str
    continent_code: str
    continent: str
    eu: bool
    """Whether the country is a member of the European Union."""
    currency: str
    """ISO 4217; empty where it is not known."""
    city: str | None = None
    time_zone: str | None = None
    postal_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    autonomous_system_number: str | None = None
    autonomous_system_organization: str | None = None
    isp: str | None = None
    connection_type: str | None = None
    connection_usage_type: str | None = None
    connection_organization: str | None = None


class LocaleCode(Model, frozen=True, kw_only=True):
    """A language, perhaps of a region, that names and mails can be asked for in."""

    code: str
    name: str


class LocaleCodeList(Page, frozen=True, kw_only=True):
    """All locale codes."""

    locale_codes: list[LocaleCode]


class Continent(Model, frozen=True, kw_only=True):
    """A continent."""

    name: str
    code: str


class ContinentList(Page, frozen=True, kw_only=True):
    """All continents."""

    continents: list[Continent]


class Country(Model, frozen=True, kw_only=True):
    """A country or territory."""

    name: str
    code: str


class CountryList(Page, frozen=True, kw_only=True):
    """Countries."""

    countries: list[Country]


class Phone(Model, frozen=True, kw_only=True):
    """The code with which a country is called."""

    code: str
    """The code with its leading ``+``."""
    country_code: str
    country_name: str


class PhoneList(Page, frozen=True, kw_only=True):
    """The codes of all countries."""

    phones: list[Phone]


class Currency(Model, frozen=True, kw_only=True):
    """A currency that is legal tender somewhere."""

    symbol: str
    name: str
    symbol_native: str
    """The symbol as it is written where the currency is used."""
    decimal_digits: int
    rounding: float
    """Smallest step of amounts; 0: one unit of the last digit."""
    code: str
    name_plural: str


class CurrencyList(Page, frozen=True, kw_only=True):
    """All currencies."""

    currencies: list[Currency]


class Language(Model, frozen=True, kw_only=True):
    """A language of ISO 639-1."""

    name: str
    code: str
    native_name: str


class LanguageList(Page, frozen=True, kw_only=True):
    """All languages."""

    languages: list[Language]


class Embedding(Model, frozen=True, kw_only=True):
    """A vector that stands for a text."""

    model: str
    dimension: int
    """Numbers in the vector."""
    embedding: list[float]
    error: str
    """Why there is none; empty if there is."""


class EmbeddingList(Page, frozen=True, kw_only=True):
    """An embedding for each of several texts, in their order."""

    embeddings: list[Embedding]


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


class ConsoleKeyScopeList(Page, frozen=True, kw_only=True):
    """All scopes that keys of one kind can carry."""

    scopes: list[ConsoleKeyScope]
