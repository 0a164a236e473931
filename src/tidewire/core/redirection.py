"""Answers that send a browser elsewhere, and what such a browser says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BrowserCookie:
    """Something that only the browser that made the request is to know, for a while."""

    name: str
    value: str
    path: str
    seconds: int
    """0: it is to be forgotten."""


@dataclass(frozen=True)
class Redirection:
    """An answer that sends a browser to an address. It must not be kept."""

    url: str
    cookies: tuple[BrowserCookie, ...] = ()


@dataclass(frozen=True)
class Browser:
    """What the browser says that follows a link."""

    base: str
    """Scheme and host of this server as the browser calls it."""
    cookies: Mapping[str, str] = field(default_factory=dict)
    """Those that :class:`Redirection` gave it."""
