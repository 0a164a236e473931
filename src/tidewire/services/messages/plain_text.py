"""The plain text of a mail whose HTML somebody else wrote."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from tidewire.services.messages.html_pieces import pieces_of

_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "main", "nav", "ol", "p",
    "pre", "section", "table", "ul",
})  # fmt: skip
_LINES: Final = frozenset({"br", "li", "tr"})
_UNSEEN: Final = frozenset({"head", "template", "title"})
_SPACE: Final = re.compile(r"\s+")


def plain_text(html: str) -> str:
    """What people read of the HTML: paragraphs, and the addresses of links after their words."""
    written: list[str] = []
    unseen = link = ""
    since = 0
    tag = ""
    commented = False
    for piece in pieces_of(html):
        if piece.kind == "markup" and piece.text in {"<!--", "-->"}:
            commented = piece.text == "<!--"
        elif commented:
            continue
        elif piece.tag:
            tag = piece.tag
            name = tag.removeprefix("/")
            if name in _UNSEEN:
                unseen = "" if tag == f"/{unseen}" else unseen or ("" if tag.startswith("/") else name)
            if name in _BLOCKS:
                written.append("\n\n")
            elif tag in _LINES:
                written.append("\n")
            elif tag in {"td", "th"}:
                written.append(" ")
            if name == "a":
                if link and tag == "/a" and link not in "".join(written[since:]):
                    written.append(f":\n{link}")
                link, since = "", len(written)
        elif unseen:
            continue
        elif piece.kind == "text":
            written.append(_SPACE.sub(" ", unescape(piece.text)))
        elif piece.kind == "value" and (tag, piece.attribute) == ("a", "href"):
            link = unescape(piece.text).strip()
    lines = [line.strip() for line in "".join(written).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
