"""The pieces that HTML consists of, as browsers read it: text, tags with their attributes, raw text.

They tell where something stands, which is what escaping follows from. Nothing is checked or repaired. The
time is proportional to the length, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, Literal

_BLANK: Final = r"\t\n\f\r "  # fewer characters than what \s has
_TAG: Final = re.compile(rf"<(/?)([A-Za-z][^{_BLANK}/>]*)")
_SPACE: Final = re.compile(rf"[{_BLANK}/]*")
_NAME: Final = re.compile(rf"=?[^{_BLANK}/>=]*")
_EQUALS: Final = re.compile(rf"[{_BLANK}]*=[{_BLANK}]*")
_UNQUOTED: Final = re.compile(rf"[^{_BLANK}>]*")
_RAW: Final = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes"})
"""Elements in which nothing is markup and nothing stands for another character, but within pictures."""
_TEXT_ONLY: Final = frozenset({"textarea", "title"})
"""Elements in which nothing is markup, but within pictures: so it counts as such, up to where they end."""
_APART: Final = (_RAW | _TEXT_ONLY, _RAW, frozenset[str]())
"""Elements whose content is looked at by itself, by how deep they stand in such content."""
_CDATA: Final = "<![CDATA["
"""Begins text within pictures, elsewhere a comment that ends with the next bracket."""


@dataclass(frozen=True)
class Piece:
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
            position = start + 1
            yield Piece("text", "<")
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
    yield Piece("markup", tag[0], tag=tag[1] + name)
    position = tag.end()
    while position < len(html):
        space = _SPACE.match(html, position)
        assert space is not None
        position = space.end()
        yield Piece("markup", space[0])
        if position == len(html):
            break
        if html[position] == ">":
            yield Piece("markup", ">")
            position += 1
            break
        attribute = _NAME.match(html, position)
        assert attribute is not None
        yield Piece("markup", attribute[0])
        position = attribute.end()
        equals = _EQUALS.match(html, position)
        if equals is not None:
            yield Piece("markup", equals[0])
            position = yield from _value(html, equals.end(), attribute[0].lower())
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


def _value(html: str, position: int, attribute: str) -> Generator[Piece, None, int]:
    """The pieces of the value of an attribute; returns where the next begins."""
    mark = html[position : position + 1]
    if mark not in {'"', "'"}:
        value = _UNQUOTED.match(html, position)
        assert value is not None
        yield Piece("value", value[0], attribute=attribute, quoted=False)
        return value.end()
    end = html.find(mark, position + 1)
    end = len(html) if end < 0 else end
    yield Piece("markup", mark)
    yield Piece("value", html[position + 1 : end], attribute=attribute)
    yield Piece("markup", html[end : end + 1])
    return end + 1
