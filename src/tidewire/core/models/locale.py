"""Models of countries, languages, currencies, and where a client is."""

from __future__ import annotations

from tidewire.core.models.base import Model


class Locale(Model, frozen=True, kw_only=True):
    """Where a request comes from, as far as its address tells."""

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


class LocaleCodeList(Model, frozen=True, kw_only=True):
    """All locale codes."""

    total: int
    locale_codes: list[LocaleCode]


class Continent(Model, frozen=True, kw_only=True):
    """A continent."""

    name: str
    code: str


class ContinentList(Model, frozen=True, kw_only=True):
    """All continents."""

    total: int
    continents: list[Continent]


class Country(Model, frozen=True, kw_only=True):
    """A country or territory."""

    name: str
    code: str


class CountryList(Model, frozen=True, kw_only=True):
    """Countries."""

    total: int
    countries: list[Country]


class Phone(Model, frozen=True, kw_only=True):
    """The code with which a country is called."""

    code: str
    """With the leading ``+``."""
    country_code: str
    country_name: str


class PhoneList(Model, frozen=True, kw_only=True):
    """The codes of all countries."""

    total: int
    phones: list[Phone]


class Currency(Model, frozen=True, kw_only=True):
    """A currency that is legal tender somewhere."""

    symbol: str
    name: str
    symbol_native: str
    """As it is written where the currency is used."""
    decimal_digits: int
    rounding: float
    """Smallest step of amounts; 0: one unit of the last digit."""
    code: str
    name_plural: str


class CurrencyList(Model, frozen=True, kw_only=True):
    """All currencies."""

    total: int
    currencies: list[Currency]


class Language(Model, frozen=True, kw_only=True):
    """A language of ISO 639-1."""

    name: str
    code: str
    native_name: str


class LanguageList(Model, frozen=True, kw_only=True):
    """All languages."""

    total: int
    languages: list[Language]
