"""The HTML of mails: the page that all stand in, and what is written there from the words of a language."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from tidewire.services.messages.wording import Language, Wording

if TYPE_CHECKING:
    from jinja2 import Template

_WHOLE: Final = re.compile(r"\s*(<!doctype\b|<html\b)", re.IGNORECASE)


def mail_body(wording: Wording, language: Language, *, named: bool, phrase: str) -> str:
    """A mail with these words, as HTML with placeholders that stands in a page.

    ``named``: the receiver is called by name. ``phrase``: the words around a security phrase; empty without.
    """
    return _template("mail.html").render(
        wording=wording,
        greeting=language.greeting if named else language.greeting_nobody,
        link_fallback=language.link_fallback,
        phrase=phrase,
    )


def mail_page(body: str, subject: str, language: Language) -> str:
    """The page with a body of HTML; a body that is a page itself stays what it is. ``subject`` is text."""
    if _WHOLE.match(body):
        return body
    return _template("page.html").render(
        body=Markup(body),  # noqa: S704 - whatever was filled in is escaped (filling.py)
        subject=subject,
        language=language.code,
        direction="rtl" if language.right_to_left else "ltr",
    )


@lru_cache
def _template(name: str) -> Template:
    # Here, because many processes never make a mail and it takes a while.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "static"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
