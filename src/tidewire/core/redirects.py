"""Addresses that users are sent back to, from mails and sign-in pages.

A link in a mail carries a secret: it must lead to nobody but the project's own pages and apps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

from tidewire.core.origins import Platform, is_framework_scheme, origin_allowed

_ADDRESS: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<authority>(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{1,5})?)"
    r"(?P<rest>([/?#][^\s\\\x00-\x1f\x7f]*)?)"
)
"""The form of an address. It has neither a user name before the host nor backslashes, because browsers and
servers disagree about their meaning."""
_WEB_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?|[A-Za-z0-9._~%-]+(:[0-9]{1,5})?")
"""The form of a host name. Addresses of apps have routes in its place: ``myapp://(auth)/reset``."""
_WEB: Final = frozenset({"http", "https"})
_NEVER: Final = frozenset({"about", "blob", "data", "file", "filesystem", "javascript", "vbscript"})
"""Schemes that make a browser run or read something, whatever is registered."""
_DEVELOPMENT: Final = ("localhost",)
_EXPO: Final = "exp"


def is_address(url: str) -> bool:
    """Whether the text is an absolute address that mails may link to."""
    match = _ADDRESS.fullmatch(url)
    if match is None or match["scheme"].lower() in _NEVER:
        return False
    return match["scheme"].lower() not in _WEB or _WEB_HOST.fullmatch(match["authority"]) is not None


def redirect_allowed(
    url: str, project_id: str, platforms: Sequence[Platform], own_hostnames: Sequence[str]
) -> bool:
    """Whether users may be sent to ``url``.

    Its host must be one of ``own_hostnames``, a registered web platform or this computer; any other
    scheme than http and https must belong to a registered app, or to a framework's page of a registered host.
    """
    match = _ADDRESS.fullmatch(url)
    if match is None or not is_address(url):
        return False
    if match["scheme"].lower() == _EXPO:
        # Pages of this scheme may call, but their host names somebody's development machine.
        return any(platform.type == "scheme" and platform.key.lower() == _EXPO for platform in platforms)
    origin = f"{match['scheme']}://{match['authority']}"
    # Any app can take addresses of a framework's scheme: nobody is sent there unless it is registered.
    known = () if is_framework_scheme(match["scheme"]) else (*own_hostnames, *_DEVELOPMENT)
    return origin_allowed(origin, project_id, platforms, known)


def with_query(url: str, values: Mapping[str, str]) -> str:
    """The address with ``values`` in its query string; what was there stays unless it has the same name."""
    address, hash_sign, fragment = url.partition("#")
    base, _, query = address.partition("?")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in values]
    return f"{base}?{urlencode([*kept, *values.items()])}{hash_sign}{fragment}"
