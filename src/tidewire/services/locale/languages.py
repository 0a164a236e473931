"""Languages, and the locales that a client may ask for."""

from __future__ import annotations

from functools import lru_cache

import babel
import pycountry

from tidewire.core.locales import LOCALE_CODES
from tidewire.core.models import Language, LanguageList, LocaleCode, LocaleCodeList
from tidewire.services.context import Context
from tidewire.services.countries import names_in
from tidewire.services.locale import operations


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
    """What its speakers call a language, beginning in upper case."""
    try:
        native = babel.Locale.parse(code)
    except (babel.UnknownLocaleError, ValueError):
        return None
    name = native.languages.get(code)
    return name[:1].upper() + name[1:] if name else None


@lru_cache(maxsize=4096)
def _locale_name(code: str, locale: str) -> str:
    return names_in(code).get_display_name(names_in(locale)) or code
