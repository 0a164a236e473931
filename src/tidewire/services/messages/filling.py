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


def fill_html(html: str, values: Mapping[str, str]) -> str:
    """The HTML with values for its placeholders; those that are called otherwise stay as they are.

    In text and attributes a value is escaped. In an address it is percent-encoded, but for a link with which
    the attribute begins, so that no other value says where the address leads. In scripts and styles only its
    letters, digits, spaces, ``.``, ``-`` and ``_`` stay; in the name of a tag or attribute it becomes ``_``.
    """
    filled: list[str] = []
    for piece in pieces_of(html):
        if "{{" in piece.text:
            # After a "<" a letter would begin a tag.
            names_tag = piece.kind in {"text", "raw"} and bool(filled) and filled[-1].endswith("<")
            filled.append(_filled(piece, values, names_tag=names_tag))
        else:
            filled.append(piece.text)
    return "".join(filled)


def _filled(piece: Piece, values: Mapping[str, str], *, names_tag: bool) -> str:
    safe = _escaping(piece)

    def put(place: re.Match[str]) -> str:
        name = place[1]
        if name not in values:
            return place[0]
        if names_tag and place.start() == 0 and piece.kind == "raw":
            return _NO_NAME + _words(values[name])
        if names_tag and place.start() == 0:
            return "".join(f"&#{ord(character)};" for character in values[name])
        return safe(name, values[name], place.string[: place.start()])

    return PLACEHOLDER.sub(put, piece.text)


_Escaping = Callable[[str, str, str], str]
"""What stands in the HTML for a value, by its name, itself, and what stands before it in the piece."""


def _escaping(piece: Piece) -> _Escaping:
    if piece.kind == "markup":
        return lambda _name, _value, _before: _NO_NAME
    if piece.kind == "raw":
        return lambda _name, value, _before: _words(value)
    if piece.kind == "text":
        return lambda _name, value, _before: escape(value)
    written = escape if piece.quoted else _all_escaped
    if piece.attribute in _CODE or piece.attribute.startswith("on"):
        return lambda _name, value, _before: written(_words(value))
    if piece.attribute in _ADDRESSES:
        return lambda name, value, before: written(_in_address(name, value, before))
    return lambda _name, value, _before: written(value)


def _in_address(name: str, value: str, before: str) -> str:
    begins = not before.strip()
    return value if begins and name in _LINKS else quote(value, safe="")


def _words(value: str) -> str:
    """The words of the value, and :data:`_NO_NAME` if there are none.

    The spaces between them are such as end no attribute: what is a script in a page may be markup in a
    picture.
    """
    return _NO_WORD.sub("", value).replace(" ", "\N{NO-BREAK SPACE}") or _NO_NAME


def _all_escaped(value: str) -> str:
    """The value with a reference for each character that could end an attribute without quotation marks."""
    return _NOT_ALPHANUMERIC.sub(lambda character: f"&#{ord(character[0])};", value)
