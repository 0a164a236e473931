"""Codes of countries and continents, and their names from the Unicode locale data (CLDR) in Babel."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

import babel
import pycountry

from tidewire.core.locales import CLDR_NAMES, LOCALE_CODES

UNKNOWN: Final = "Unknown"
UNKNOWN_CODE: Final = "--"
"""Stands for the country of an address that tells none."""

CONTINENTS: Final = {
    "AF": "002",
    "AN": "AQ",
    "AS": "142",
    "EU": "150",
    "NA": "003",
    "OC": "009",
    "SA": "005",
}
"""Code of a continent to the name of its region in CLDR."""

EU_MEMBERS: Final = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT"),
        *("LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)

COUNTRY_CODES: Final[tuple[str, ...]] = tuple(sorted(country.alpha_2 for country in pycountry.countries))
"""ISO 3166-1 alpha-2."""


@lru_cache(maxsize=len(LOCALE_CODES))
def names_in(locale: str) -> babel.Locale:
    """The names in a language, one of :data:`LOCALE_CODES`; English where there is no data."""
    try:
        return babel.Locale.parse(CLDR_NAMES.get(locale, locale), sep="-")
    except (babel.UnknownLocaleError, ValueError):
        return babel.Locale("en")


def country_name(code: str, locale: str) -> str:
    """Name of a country; ``Unknown`` if it is none."""
    named: str | None = names_in(locale).territories.get(code)
    if named:
        return named
    country = pycountry.countries.get(alpha_2=code)
    return str(country.name) if country else UNKNOWN


def continent_name(code: str, locale: str) -> str:
    """Name of a continent; ``Unknown`` if it is none."""
    named: str | None = names_in(locale).territories.get(CONTINENTS.get(code, ""))
    return named or UNKNOWN


def in_order_of_names(name: str) -> str:
    """Key that sorts names as people expect: without regard to case and accents."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
