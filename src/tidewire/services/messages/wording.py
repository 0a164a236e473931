"""The words of a message, with placeholders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PLACE: Final = re.compile(r"{{(\w+)}}")


@dataclass(frozen=True)
class Wording:
    """The words of one kind of mail; ``{{name}}`` stands for the value called ``name``."""

    subject: str
    before: tuple[str, ...]
    """Paragraphs above the link or code."""
    after: tuple[str, ...]
    """Paragraphs below it."""
    button: str = ""
    """What the link is called."""


def fill(words: str, values: Mapping[str, str]) -> str:
    """The words with values for their placeholders; a value is inserted as it is, placeholders in it stay."""
    return _PLACE.sub(lambda place: values[place[1]], words)


def one_line(text: str) -> str:
    """The text without line breaks and other control characters, which have a meaning in mail headers."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
