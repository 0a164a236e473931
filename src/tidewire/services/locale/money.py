"""Currencies."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import babel
from babel.core import get_global
from babel.languages import get_official_languages
from babel.numbers import get_currency_name, get_currency_symbol, get_territory_currencies

from tidewire.core.locales import LOCALE_CODES
from tidewire.core.models import Currency, CurrencyList
from tidewire.services.context import Context
from tidewire.services.countries import COUNTRY_CODES, names_in
from tidewire.services.locale import operations

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
