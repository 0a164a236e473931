"""Small pages in HTML, without scripts and without anything from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Final

HTML_TYPE: Final = b"text/html; charset=UTF-8"
POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""The header that such a page is sent with."""


def html_page(title: str, *paragraphs: str, onward: str = "") -> bytes:
    """A page of text. The browser goes on to the address ``onward``, if there is one; it is a link too."""
    text = "".join(f"<p>{escape(each)}</p>" for each in paragraphs)
    text += f'<p><a href="{escape(onward)}">Open the app</a></p>' if onward else ""
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(onward)}">' if onward else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}</head>\n'
        f"<body><h1>{escape(title)}</h1>{text}</body>\n</html>\n"
    ).encode()
