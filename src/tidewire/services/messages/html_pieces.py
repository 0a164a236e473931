"""The pieces that HTML consists of, as browsers read it: text, tags with their attributes, raw text.

They tell where something stands, which is what escaping follows from. Nothing is checked or repaired. The
time is proportional to the length, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Final, Literal, NamedTuple

_BLANK: Final = r"\t\n\f\r "  # fewer characters than what \s has
_TAG: Final = re.compile(rf"<(/?)([A-Za-z][^{_BLANK}/>]*)")
_LOOSE: Final = re.compile(r"<[^<]*(?:<(?![A-Za-z/!?])[^<]*)*")
"""Text that begins with a bracket, up to one that may begin something."""
_ATTRIBUTE: Final = re.compile(
    rf"[{_BLANK}/]*((?P<end>>)|(?P<name>=?[^{_BLANK}/>=]*)(?P<value>[{_BLANK}]*=[{_BLANK}]*)?)"
)
"""The end of a tag, or an attribute of it up to its value."""
_QUOTES: Final = frozenset({'"', "'"})
_UNQUOTED: Final = re.compile(rf"[^{_BLANK}>]*")
_RAW: Final = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes"})
"""Elements in which nothing is markup and nothing stands for another character, but within pictures."""
_TEXT_ONLY: Final = frozenset({"textarea", "title"})
"""Elements in which nothing is markup, but within pictures: so it counts as such, up to where they end."""
_APART: Final = (_RAW | _TEXT_ONLY, _RAW, frozenset[str]())
"""Elements whose content is looked at by itself, by how deep they stand in such content."""
_CDATA: Final = "<![CDATA["
"""Begins text within pictures, elsewhere a comment that ends with the next bracket."""


class Piece(NamedTuple):
    """A piece of HTML as it is written."""

    kind: Literal["text", "raw", "markup", "value"]
    """``text``; ``raw``: within scripts and the like; ``markup``: names, brackets and quotation marks of a
    tag; ``value``: of an attribute."""
    text: str
    tag: str = ""
    """Of markup at which a tag begins: the name of the element in lower case, ``/`` in front if it ends."""
    attribute: str = ""
    """Of a value: the name of the attribute, in lower case."""
    quoted: bool = True
    """Whether a value stands in quotation marks."""


def pieces_of(html: str, depth: int = 0) -> Iterator[Piece]:
    """The pieces in their order; together they are the whole.

    What stands in comments counts as HTML, for some mail programs read it: a comment is markup around its
    pieces. ``depth``: of comments and the like that it stands in: in them there are
    no others, and in scripts nothing else is apart.
    """
    position = 0
    while (start := html.find("<", position)) >= 0:
        if start > position:
            yield Piece("text", html[position:start])
        tag = _TAG.match(html, start)
        if tag is not None:
            position = yield from _tag(html, tag, depth)
        elif html.startswith("<!--", start) and not depth:
            position = yield from _enclosed(html, start, "<!--", "-->")
        elif html.startswith(_CDATA, start) and not depth:
            position = yield from _enclosed(html, start, _CDATA, "]]>")
        elif html.startswith(("<!", "<?", "</"), start):
            end = html.find(">", start)
            position = len(html) if end < 0 else end + 1
            yield Piece("markup", html[start:position])
        else:
            loose = _LOOSE.match(html, start)
            assert loose is not None
            position = loose.end()
            yield Piece("text", loose[0])
    if position < len(html):
        yield Piece("text", html[position:])


def _enclosed(html: str, start: int, opening: str, closing: str) -> Generator[Piece, None, int]:
    """The pieces of what stands between two marks; returns where the next begins."""
    end = html.find(closing, start + len(opening))
    end = len(html) if end < 0 else end
    yield Piece("markup", opening)
    yield from pieces_of(html[start + len(opening) : end], 1)
    yield Piece("markup", html[end : end + len(closing)])
    return end + len(closing)


def _tag(html: str, tag: re.Match[str], depth: int) -> Generator[Piece, None, int]:
    """The pieces of a tag, and of what follows it if that is no markup; returns where the next begins."""
    name = tag[2].lower()
    names, markup = tag[1] + name, tag[0]
    """What begins, said with the first piece, and the markup since the last one."""
    position = tag.end()
    while position < len(html):
        attribute = _ATTRIBUTE.match(html, position)
        assert attribute is not None
        markup += attribute[0]
        position = attribute.end()
        if attribute["value"] is not None:
            opening = html[position : position + 1]
            opening = opening if opening in _QUOTES else ""
            yield Piece("markup", markup + opening, tag=names)
            value, position = _value(html, position, opening)
            names, markup = "", html[position - 1 : position] if opening else ""
            yield Piece("value", value, attribute=attribute["name"].lower(), quoted=bool(opening))
        elif attribute["end"]:
            break
    yield Piece("markup", markup, tag=names)
    if tag[1] or name not in _APART[depth]:
        return position
    end = re.compile(rf"</{re.escape(name)}(?=[{_BLANK}/>])", re.IGNORECASE).search(html, position)
    stop = len(html) if end is None else end.start()
    if name in _RAW:
        for piece in pieces_of(html[position:stop], 2):
            yield Piece("markup" if piece.kind == "markup" else "raw", piece.text)
    else:
        yield from pieces_of(html[position:stop], 1)
    return stop


def _value(html: str, position: int, opening: str) -> tuple[str, int]:
    """The value of an attribute, in quotation marks if ``opening`` is one, and where what follows begins."""
    if not opening:
        value = _UNQUOTED.match(html, position)
        assert value is not None
        return value[0], value.end()
    end = html.find(opening, position + 1)
    if end < 0:
        return html[position + 1 :], len(html) + 1
    return html[position + 1 : end], end + 1
