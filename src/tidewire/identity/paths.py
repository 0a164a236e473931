"""The path of a request, as the routes of every wire look at it."""

from __future__ import annotations

from typing import Final

_BASE: Final = "/v1/"


def plain_path(path: str) -> str:
    """The path without one empty segment right behind ``/v1``.

    A client whose endpoint was given with a slash at its end asks for ``/v1//account``. No id ever stands
    there; an empty segment anywhere else may be an id that a client left empty, and stays.
    """
    return _BASE + path[len(_BASE) + 1 :] if path.startswith(_BASE + "/") else path
