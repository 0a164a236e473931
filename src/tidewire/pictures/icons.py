"""Icons of web sites: the best that a page names, and SVG that runs nothing. Runs in a worker."""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

from tidewire.pictures.contract import UndecodableError

_LOOKED_AT: Final = 512 * 1024
"""Bytes of a page."""
_EXTENSIONS: Final = (".svg", ".png", ".jpg", ".jpeg", ".ico")
_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_DRAWING: Final = frozenset(
    [
        "svg",
        "g",
        "defs",
        "symbol",
        "use",
        "title",
        "desc",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "linearGradient",
        "radialGradient",
        "stop",
        "clipPath",
        "mask",
        "pattern",
        "filter",
        "feGaussianBlur",
        "feOffset",
        "feBlend",
        "feColorMatrix",
        "feComposite",
        "feFlood",
        "feMerge",
        "feMergeNode",
        "marker",
    ]
)
_ELSEWHERE: Final = re.compile(r"url\(\s*['\"]?\s*(?!#)", re.IGNORECASE)


class _Builder(ElementTree.TreeBuilder):
    """Takes no document that declares anything, in whatever encoding: entities grow without bounds."""

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise UndecodableError("it declares entities")


class _Icons(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []
        """Addresses, and the sizes that they say."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "link" and named.get("rel", "").lower() in {"icon", "shortcut icon"} and named.get("href"):
            size = re.match(r"(\d{1,5})x", named.get("sizes", "").lower())
            self.found.append((named["href"].strip(), int(size[1]) if size else 0))


def icon_address(page_url: str, page: bytes) -> str:
    """The address of a page's icon: an SVG before all others, then the largest; else the usual place."""
    icons = _Icons()
    with suppress(AssertionError):  # the parser's, of broken declarations; what was found before counts
        icons.feed(page[:_LOOKED_AT].decode("utf-8", "replace"))
    best = ("", -1)
    for address, size in icons.found:
        absolute = _joined(page_url, address)
        path = urlsplit(absolute).path.lower()
        if path.endswith(".svg"):
            return absolute
        if path.endswith(_EXTENSIONS) and size > best[1]:
            best = (absolute, size)
    return best[0] or _joined(page_url, "/favicon.ico")


def _joined(base: str, address: str) -> str:
    try:
        joined = urljoin(base, address)
        urlsplit(joined)
    except ValueError:
        return ""
    return joined


def harmless_svg(content: bytes) -> bytes:
    """The drawing alone: no scripts, no styles, nothing from elsewhere. Raises UndecodableError."""
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314 - no entities are declared
    try:
        root = ElementTree.fromstring(content, parser)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):
        raise UndecodableError("it is no SVG") from None
    if root.tag != f"{_SVG}svg":
        raise UndecodableError("it is no SVG")
    pending = [root]
    while pending:
        element = pending.pop()
        for name, value in list(element.attrib.items()):
            if _acts(name, value):
                del element.attrib[name]
        for child in list(element):
            if isinstance(child.tag, str) and child.tag.removeprefix(_SVG) in _DRAWING:
                pending.append(child)
            else:
                element.remove(child)
    ElementTree.register_namespace("", _SVG[1:-1])
    try:
        return bytes(ElementTree.tostring(root, encoding="utf-8"))
    except RecursionError:
        raise UndecodableError("it is nested too deeply") from None


def _acts(name: str, value: str) -> bool:
    local = name.rpartition("}")[2].lower()
    if local.startswith("on") or (name.startswith("{") and name != _LINK):
        return True
    if local in {"href", "src"} and not value.strip().startswith("#"):
        return True
    return bool(_ELSEWHERE.search(value)) or "javascript:" in value.lower() or "@import" in value.lower()
