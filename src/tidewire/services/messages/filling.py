"""Values in place of the placeholders of HTML, each escaped for where it stands.

Values come from strangers: names of users and teams, addresses of pages. None of them can end the text or the
attribute that it stands in, begin a tag, make a link lead elsewhere, or become part of a script or a style.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Final
from urllib.parse import quote

from tidewire.services.messages.html_pieces import Piece, pieces_of
from tidewire.services.messages.wording import PLACEHOLDER

_LINKS: Final = frozenset({"redirect"})
"""Values that are addresses, checked where they were given."""
_ADDRESSES: Final = frozenset({
    "action", "background", "cite", "classid", "codebase", "content", "data", "formaction", "href",
    "longdesc", "manifest", "ping", "poster", "src", "srcset", "usemap", "xlink:href",
})  # fmt: skip
"""Attributes that browsers read as an address, or in which one can stand."""
_CODE: Final = frozenset({"style", "srcdoc"})
"""Attributes in another language, as all are whose names begin with ``on``."""
_NO_NAME: Final = "_"
"""In place of values in names. Not nothing: a browser takes what follows an empty name for the name."""
_NO_WORD: Final = re.compile(r"[^\w .-]")
_NOT_ALPHANUMERIC: Final = re.compile(r"[^A-Za-z0-9]")


class FillableHtml:
    """HTML whose placeholders were found, with how the value of each has to be written where it stands."""

    __slots__ = ("_end", "_places")

    def __init__(self, html: str) -> None:
        self._places: list[tuple[str, str, _Escaping]] = []
        """For each placeholder: the HTML in front of it, its name, and how its value is written."""
        since: list[str] = []
        for piece in pieces_of(html):
            text, position = piece.text, 0
            if "{{" in text:
                for place in PLACEHOLDER.finditer(text):
                    since.append(text[position : place.start()])
                    # After a "<" a letter would begin a tag.
                    begins_tag = piece.kind in {"text", "raw"} and _last(since) == "<"
                    escaping = _after_bracket(piece) if begins_tag else _escaping(piece, place)
                    self._places.append(("".join(since), place[1], escaping))
                    since, position = [""], place.end()
            since.append(text[position:])
        self._end = "".join(since)

    def filled(self, values: Mapping[str, str]) -> str:
        """The HTML with values for its placeholders; those that are called otherwise stay as they are.

        In text and attributes a value is escaped. In an address it is percent-encoded, but for a link with
        which the attribute begins, so that no other value says where the address leads. In scripts and styles
        only its letters, digits, spaces, ``.``, ``-`` and ``_`` stay; in the name of a tag or attribute it
        becomes ``_``.
        """
        written: list[str] = []
        for before, name, escaping in self._places:
            written.append(before)
            written.append(escaping(values[name]) if name in values else f"{{{{{name}}}}}")
        return "".join(written) + self._end


def fill_html(html: str, values: Mapping[str, str]) -> str:
    """The HTML with values for its placeholders (:meth:`FillableHtml.filled`)."""
    return FillableHtml(html).filled(values)


_Escaping = Callable[[str], str]
"""What stands in the HTML for a value."""


def _last(written: list[str]) -> str:
    """The last character of what was written; empty if there is none, or a value is the last."""
    return next((text[-1] for text in reversed(written) if text), "")


def _after_bracket(piece: Piece) -> _Escaping:
    if piece.kind == "raw":
        return lambda value: _NO_NAME + _words(value)
    return lambda value: "".join(f"&#{ord(character)};" for character in value)


def _escaping(piece: Piece, place: re.Match[str]) -> _Escaping:
    if piece.kind == "markup":
        return lambda _value: _NO_NAME
    if piece.kind == "raw":
        return _words
    if piece.kind == "text":
        return escape
    written = escape if piece.quoted else _all_escaped
    if piece.attribute in _CODE or piece.attribute.startswith("on"):
        return lambda value: written(_words(value))
    if piece.attribute in _ADDRESSES:
        begins = not piece.text[: place.start()].strip()
        if begins and place[1] in _LINKS:
            return written
        return lambda value: written(quote(value, safe=""))
    return written


def _words(value: str) -> str:
    """The words of the value, and :data:`_NO_NAME` if there are none.

    The spaces between them are such as end no attribute: what is a script in a page may be markup in a
    picture.
    """
    return _NO_WORD.sub("", value).replace(" ", "\N{NO-BREAK SPACE}") or _NO_NAME


def _all_escaped(value: str) -> str:
    """The value with a reference for each character that could end an attribute without quotation marks."""
    return _NOT_ALPHANUMERIC.sub(lambda character: f"&#{ord(character[0])};", value)
