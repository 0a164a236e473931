"""Origins: the web pages and apps that may call a project, by the ``Origin`` header of their requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_ORIGIN: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/?#@\\:\[\]]+)(:[0-9]{1,5})?")
_WEB_SCHEMES: Final = frozenset({
    "http", "https", "chrome-extension", "moz-extension", "safari-web-extension",
    "ms-browser-extension", "tauri",
})  # fmt: skip
_FRAMEWORK_SCHEMES: Final = frozenset({"capacitor", "ionic", "app"})
"""Schemes under which app frameworks show web pages of their own, such as ``capacitor://localhost``."""
_APP_SCHEMES: Final = {
    "apple": ("appwrite-ios", "appwrite-macos", "appwrite-watchos", "appwrite-tvos"),
    "android": ("appwrite-android",),
    "windows": ("appwrite-windows",),
    "linux": ("appwrite-linux",),
}
"""Type of a native platform to the schemes that its SDKs send."""
CURRENT_TYPES: Final = {
    older: current
    for current, older_types in {
        "web": "flutter-web unity",
        "apple": "flutter-ios flutter-macos apple-ios apple-macos apple-watchos apple-tvos react-native-ios",
        "android": "flutter-android react-native-android",
        "windows": "flutter-windows",
        "linux": "flutter-linux",
    }.items()
    for older in older_types.split()
}
"""Older types of platforms to those that they count as: ``web`` or a kind of app."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Platform:
    """A web site or app registered on a project."""

    type: str
    hostname: str = ""
    """The host name of a web platform; ``*.example.com`` stands for its subdomains, ``*`` for any host."""
    key: str = ""
    """The application id of a native platform, or the URL scheme of a platform of type ``scheme``."""


def origin_allowed(
    origin: str, project_id: str, platforms: Sequence[Platform], own_hostnames: Sequence[str]
) -> bool:
    """Whether a request with this ``Origin`` header may be served.

    An empty header passes: native programs send none. ``own_hostnames`` are those of this server. With
    nothing registered and no own names no web page passes.
    """
    if not origin:
        return True
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return False
    scheme = match["scheme"].lower()
    if scheme not in _WEB_SCHEMES and scheme in _app_schemes(project_id, platforms):
        return True
    if not _is_of_page(scheme):
        return False
    authority = _AUTHORITY.fullmatch(match["rest"])
    if authority is None:
        return False
    host = authority["host"].lower()
    names = [*own_hostnames, *_hostnames(platforms)]
    return any(_matches("localhost" if host in _LOOPBACK else host, name.lower()) for name in names)


def is_origin(origin: str) -> bool:
    """Whether an ``Origin`` header has the form of one: a scheme and, for web pages, a host."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return False
    return not _is_of_page(match["scheme"].lower()) or _AUTHORITY.fullmatch(match["rest"]) is not None


def is_page(origin: str) -> bool:
    """Whether an ``Origin`` is one of a web page, in a browser or in an app that shows one."""
    match = _ORIGIN.fullmatch(origin)
    return match is not None and _is_of_page(match["scheme"].lower())


def unknown_client(origin: str) -> str:
    """What the page or app of an origin that may not call is told, in the words of the reference."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return "Invalid Origin."
    scheme = match["scheme"].lower()
    kind = next((kind for kind, schemes in _APP_SCHEMES.items() if scheme in schemes), "")
    if not kind and not _is_of_page(scheme):
        return f"Invalid Scheme. Register the scheme {scheme} as a platform of your project."
    authority = _AUTHORITY.match(match["rest"])
    host = f" ({authority['host']})" if authority else ""
    name = kind.capitalize() or "Web"
    return (
        f"Invalid Origin. Register your new client{host} as a new {name} platform on your project console "
        "dashboard"
    )


def is_framework_scheme(scheme: str) -> bool:
    """Whether pages of app frameworks have this scheme, which no app owns alone."""
    return scheme.lower() in _FRAMEWORK_SCHEMES


def _is_of_page(scheme: str) -> bool:
    return scheme in _WEB_SCHEMES or scheme in _FRAMEWORK_SCHEMES


def _app_schemes(project_id: str, platforms: Sequence[Platform]) -> Iterator[str]:
    yield "exp"
    yield f"appwrite-callback-{project_id.lower()}"
    for platform in platforms:
        if platform.type == "scheme":
            yield platform.key.lower()
        else:
            yield from _APP_SCHEMES.get(_current_type(platform), ())


def _hostnames(platforms: Sequence[Platform]) -> Iterator[str]:
    for platform in platforms:
        kind = _current_type(platform)
        if kind == "web":
            yield platform.hostname
        elif kind in _APP_SCHEMES:
            yield platform.key


def _current_type(platform: Platform) -> str:
    return CURRENT_TYPES.get(platform.type, platform.type)


def _matches(host: str, name: str) -> bool:
    if name.startswith("*."):
        return host.endswith(name[1:]) and len(host) >= len(name)
    return name == "*" or host == name
