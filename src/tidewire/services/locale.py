"""The locale service: countries, languages, currencies, phone codes, and the location of the client."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from typing import Final

import babel
import pycountry
from babel.core import get_global
from babel.languages import get_official_languages
from babel.numbers import get_currency_name, get_currency_symbol, get_territory_currencies

from tidewire.core.locales import LOCALE_CODES
from tidewire.core.models import (
    Continent,
    ContinentList,
    Country,
    CountryList,
    Currency,
    CurrencyList,
    Language,
    LanguageList,
    Locale,
    LocaleCode,
    LocaleCodeList,
    Phone,
    PhoneList,
)
from tidewire.core.operations import Operations
from tidewire.services.context import Context
from tidewire.services.countries import (
    CONTINENTS,
    COUNTRY_CODES,
    EU_MEMBERS,
    UNKNOWN_CODE,
    continent_name,
    country_name,
    in_order_of_names,
    names_in,
)

operations: Final = Operations("locale")


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


@operations.declare("get", "GET", "/locale", scopes=("locale.read",))
async def get(context: Context) -> Locale:
    """Tell where the client is, as far as its address and the GeoIP file tell."""
    place = asdict(context.geoip.find(context.client.ip))
    country, continent = place.pop("country_code"), place.pop("continent_code")
    if continent not in CONTINENTS:
        continent = ""
    return Locale(
        ip=context.client.ip,
        country_code=country or UNKNOWN_CODE,
        country=country_name(country, context.locale),
        continent_code=continent or UNKNOWN_CODE,
        continent=continent_name(continent, context.locale),
        eu=country in EU_MEMBERS,
        currency=currency_of(country) if country else "",
        **place,
    )


@operations.declare("listLanguages", "GET", "/locale/languages", scopes=("locale.read",))
async def list_languages(context: Context) -> LanguageList:
    """List the languages of ISO 639-1."""
    return _languages(context.locale)


@operations.declare("listCodes", "GET", "/locale/codes", scopes=("locale.read",))
async def list_codes(context: Context) -> LocaleCodeList:
    """List the values that ``X-Appwrite-Locale`` may have."""
    codes = [LocaleCode(code=code, name=_locale_name(code, context.locale)) for code in LOCALE_CODES]
    return LocaleCodeList(total=len(codes), locale_codes=codes)


@lru_cache(maxsize=len(LOCALE_CODES))
def _languages(locale: str) -> LanguageList:
    names = names_in(locale).languages
    languages = [
        Language(
            code=language.alpha_2,
            name=names.get(language.alpha_2) or language.name,
            native_name=_native_name(language.alpha_2) or language.name,
        )
        for language in pycountry.languages
        if hasattr(language, "alpha_2")
    ]
    languages.sort(key=lambda language: language.code)
    return LanguageList(total=len(languages), languages=languages)


@lru_cache(maxsize=256)
def _native_name(code: str) -> str | None:
    """The name of a language in itself, beginning in upper case."""
    try:
        native = babel.Locale.parse(code)
    except (babel.UnknownLocaleError, ValueError):
        return None
    name = native.languages.get(code)
    return name[:1].upper() + name[1:] if name else None


@lru_cache(maxsize=4096)
def _locale_name(code: str, locale: str) -> str:
    return names_in(code).get_display_name(names_in(locale)) or code


_USUAL_FRACTION: Final = (2, 0, 2, 0)


@operations.declare("listCurrencies", "GET", "/locale/currencies", scopes=("locale.read",))
async def list_currencies(context: Context) -> CurrencyList:
    """List the currencies that are legal tender somewhere today, named in the language of the request."""
    return _currencies(context.locale)


@lru_cache(maxsize=256)
def currency_of(country: str) -> str:
    """The currency of a country; empty if it has none."""
    found: list[str] = get_territory_currencies(country)
    return found[0] if found else ""


@lru_cache(maxsize=len(LOCALE_CODES))
def _currencies(locale: str) -> CurrencyList:
    fractions = get_global("currency_fractions")
    names = names_in(locale)
    currencies = []
    for code, countries in sorted(_users_of_currencies().items()):
        digits, rounding = fractions.get(code, _USUAL_FRACTION)[:2]
        currencies.append(
            Currency(
                code=code,
                name=get_currency_name(code, locale=names),
                name_plural=get_currency_name(code, count=2, locale=names),
                symbol=get_currency_symbol(code, locale=names),
                symbol_native=_native_symbol(code, countries),
                decimal_digits=digits,
                rounding=rounding / 10**digits,
            )
        )
    return CurrencyList(total=len(currencies), currencies=currencies)


@lru_cache(maxsize=1)
def _users_of_currencies() -> dict[str, tuple[str, ...]]:
    """Currencies with the countries where they are legal tender."""
    users: dict[str, tuple[str, ...]] = {}
    for country in COUNTRY_CODES:
        for code in get_territory_currencies(country):
            users[code] = (*users.get(code, ()), country)
    return users


def _native_symbol(code: str, countries: tuple[str, ...]) -> str:
    """The symbol used at home: in the country that the code is named after, if it is one of them."""
    for country in sorted(countries, key=lambda country: country != code[:2]):
        for language in get_official_languages(country, de_facto=True):
            symbol: str = get_currency_symbol(code, locale=_spoken(language, country))
            # Some symbols are nothing that one sees, because the digits are written around the sign.
            if symbol != code and symbol.strip("\u200b"):
                return symbol
    return get_currency_symbol(code, locale="en")


def _spoken(language: str, country: str) -> babel.Locale:
    try:
        return babel.Locale.parse(f"{language}_{country}")
    except (babel.UnknownLocaleError, ValueError):
        return babel.Locale("en")
