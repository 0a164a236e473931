"""What a screenshot shows, and why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


class ScreenshotError(Exception):
    """No screenshot: the page could not be shown, or took too much. The text is for the log."""


class ScreenshotsUnavailableError(ScreenshotError):
    """None are taken here; the text says what is missing, and is fit to be shown."""


@dataclass(frozen=True)
class Shot:
    """A page, and how its visitor looks at it."""

    url: str
    width: int = 1280
    """Of the window, in pixels of the page."""
    height: int = 720
    scale: float = 1.0
    """Pixels of the picture for each pixel of the page."""
    theme: Literal["light", "dark"] = "light"
    full_page: bool = False
    """All of the page, not only what a window shows."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request."""
    user_agent: str = ""
    locale: str = ""
    timezone: str = ""
    position: tuple[float, float, float] | None = None
    """Latitude, longitude, and how exactly they are known, in metres."""
    touch: bool = False
    permissions: Sequence[str] = ()
    sleep: float = 0
    """Seconds to wait once the page is loaded."""
