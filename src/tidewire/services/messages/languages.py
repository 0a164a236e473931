"""The languages of messages: which there are, and the one for a locale.

The words of each stand in a file, ``static/languages``. A further language is a further file.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from tidewire.core.locales import CLDR_NAMES
from tidewire.services.messages.wording import Language

_FOLDER: Final = Path(__file__).parent / "static" / "languages"
LANGUAGES: Final = tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))
"""The names of the languages that there are words in."""
_ENGLISH: Final = "en"
_CLOSEST: Final = {"nn": "nb", "no": "nb", "zh-hk": "zh-tw", "zh-sg": "zh-cn"}
"""Locales whose readers are best served by the words of another one."""


def language_of(locale: str) -> Language:
    """The language of a locale (:data:`tidewire.core.locales.LOCALE_CODES`); English if there is none."""
    name = CLDR_NAMES.get(locale, locale)
    name = _CLOSEST.get(name, name)
    base = name.partition("-")[0]
    return _read(next((each for each in (name, base) if each in LANGUAGES), _ENGLISH))


@cache
def _read(name: str) -> Language:
    text = (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Language)
