"""The addresses of a provider, with what the settings of a project put into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from tidewire.oauth.contract import ProviderFailedError, Registration

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")
_BASE: Final = re.compile(rf"https?://{_HOST.pattern}(/[A-Za-z0-9._~/-]*)?")
_HOSTS: Final = frozenset({"endpoint", "domain"})
"""Options that stand for a host, or for the address of one."""
_USUAL: Final = {"authorizationServerId": "default", "tenant": "common"}
"""What an option is where a project leaves it empty."""
_GITLAB: Final = "https://gitlab.com"
_ONLY_IN_TESTS: Final = "mock"
"""Host of providers that exist only where a stand-in is named."""


def place(registration: Registration, template: str, told: Mapping[str, str] | None = None) -> str:
    """The address that a template of the table becomes for a project; ``told`` are further values for it.

    What stands for a host must be one, and everything else is quoted: no setting leads elsewhere. Raises
    :class:`ProviderFailedError`.
    """
    values = {name: quote(value, safe="") for name, value in (told or {}).items()}
    for name in re.findall(r"{(\w+)}", template):
        if name not in values:
            values[name] = _option(registration, name, whole=template.startswith("{" + name))
    return located(template.format_map(values), registration.stand_in)


def located(url: str, stand_in: str) -> str:
    """The address, or where its stand-in is. Raises :class:`ProviderFailedError`."""
    host = urlsplit(url).netloc
    if not stand_in:
        if host == _ONLY_IN_TESTS:
            raise ProviderFailedError("it is for tests, and this server has none (oauth2_endpoints)")
        return url
    path = url.partition("://")[2]
    if host == _ONLY_IN_TESTS:
        return stand_in.rstrip("/") + path.removeprefix(_ONLY_IN_TESTS)
    return f"{stand_in.rstrip('/')}/{path}"


def is_host(text: str) -> bool:
    """Whether the text can stand where an address has its host, with or without a port."""
    return _HOST.fullmatch(text) is not None


def _option(registration: Registration, name: str, *, whole: bool) -> str:
    """An option as it stands in an address; ``whole``: it is the beginning of one, scheme and all."""
    value = str(registration.options.get(name) or _USUAL.get(name, ""))
    if whole:
        value = (value or _GITLAB).rstrip("/")
        fits = _BASE.fullmatch(value) is not None
    elif name in _HOSTS:
        fits = is_host(value)
    else:
        return quote(value, safe="")
    if not fits:
        raise ProviderFailedError(f"the {name} of the project's settings is no host")
    return value
