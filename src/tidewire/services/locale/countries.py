"""Countries, continents and phone codes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from tidewire.core.locales import LOCALE_CODES
from tidewire.core.models import Continent, ContinentList, Country, CountryList, Phone, PhoneList
from tidewire.services.context import Context
from tidewire.services.countries import (
    CONTINENTS,
    COUNTRY_CODES,
    EU_MEMBERS,
    continent_name,
    country_name,
    in_order_of_names,
)
from tidewire.services.locale import operations


@operations.declare("listCountries", "GET", "/locale/countries", scopes=("locale.read",))
async def list_countries(context: Context) -> CountryList:
    """List all countries, named in the language of the request."""
    return _all_countries(context.locale)


@operations.declare("listCountriesEU", "GET", "/locale/countries/eu", scopes=("locale.read",))
async def list_countries_eu(context: Context) -> CountryList:
    """List the members of the European Union."""
    return _named(EU_MEMBERS, context.locale)


@operations.declare("listCountriesPhones", "GET", "/locale/countries/phones", scopes=("locale.read",))
async def list_countries_phones(context: Context) -> PhoneList:
    """List the codes with which countries are called, in their numeric order."""
    return _phones(context.locale)


@operations.declare("listContinents", "GET", "/locale/continents", scopes=("locale.read",))
async def list_continents(context: Context) -> ContinentList:
    """List the continents."""
    named = [Continent(name=continent_name(code, context.locale), code=code) for code in CONTINENTS]
    named.sort(key=lambda continent: in_order_of_names(continent.name))
    return ContinentList(total=len(named), continents=named)


@lru_cache(maxsize=len(LOCALE_CODES))
def _all_countries(locale: str) -> CountryList:
    return _named(COUNTRY_CODES, locale)


def _named(codes: Iterable[str], locale: str) -> CountryList:
    named = [Country(name=country_name(code, locale), code=code) for code in codes]
    named.sort(key=lambda country: in_order_of_names(country.name))
    return CountryList(total=len(named), countries=named)


@lru_cache(maxsize=len(LOCALE_CODES))
def _phones(locale: str) -> PhoneList:
    import phonenumbers  # here, because few ever ask and it takes a while

    known = set(COUNTRY_CODES)
    phones = [
        Phone(code=f"+{number}", country_code=code, country_name=country_name(code, locale))
        for number, codes in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items())
        for code in codes
        if code in known
    ]
    return PhoneList(total=len(phones), phones=phones)
