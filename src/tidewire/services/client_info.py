"""Descriptions of clients, from the user agents of their requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import ua_parser

MAXIMUM_LENGTH: Final = 512
"""Characters of a user agent that are looked at; a longer one is cut, for matching costs grow with it."""

_SYSTEM_CODES: Final = {
    "Android": "AND",
    "Chrome OS": "COS",
    "Debian": "DEB",
    "Fedora": "FED",
    "FreeBSD": "BSD",
    "iOS": "IOS",
    "Linux": "LIN",
    "Mac OS X": "MAC",
    "Ubuntu": "UBT",
    "Windows": "WIN",
}
_BROWSERS: Final = {
    "Chrome": ("CH", "Blink"),
    "Chrome Mobile": ("CM", "Blink"),
    "Chrome Mobile iOS": ("CI", "WebKit"),
    "Chrome Mobile WebView": ("CV", "Blink"),
    "Chromium": ("CR", "Blink"),
    "Edge": ("PS", "Blink"),
    "Edge Mobile": ("PS", "Blink"),
    "Firefox": ("FF", "Gecko"),
    "Firefox Mobile": ("FM", "Gecko"),
    "Firefox iOS": ("FI", "WebKit"),
    "HeadlessChrome": ("HC", "Blink"),
    "Mobile Safari": ("MF", "WebKit"),
    "Opera": ("OP", "Blink"),
    "Opera Mobile": ("OM", "Blink"),
    "Safari": ("SF", "WebKit"),
    "Samsung Internet": ("SB", "Blink"),
}
_ENGINE_VERSIONS: Final = {
    "Blink": re.compile(r"Chrome/([0-9.]+)"),
    "Gecko": re.compile(r"rv:([0-9.]+)"),
    "WebKit": re.compile(r"AppleWebKit/([0-9.]+)"),
}


@dataclass(frozen=True)
class ClientInfo:
    """The fields of a session that describe its client; empty where nothing is known."""

    os_code: str = ""
    os_name: str = ""
    os_version: str = ""
    client_type: str = ""
    client_code: str = ""
    client_name: str = ""
    client_version: str = ""
    client_engine: str = ""
    client_engine_version: str = ""
    device_name: str = ""
    device_brand: str = ""
    device_model: str = ""


def client_info(user_agent: str) -> ClientInfo:
    """Describe the client that sends this user agent; never fails."""
    text = user_agent[:MAXIMUM_LENGTH]
    found = ua_parser.parse(text)
    browser, system, device = found.user_agent, found.os, found.device
    name = browser.family if browser else ""
    code, engine = _BROWSERS.get(name, ("", ""))
    return ClientInfo(
        os_code=_SYSTEM_CODES.get(system.family, "") if system else "",
        os_name=system.family if system else "",
        os_version=_version(system.major, system.minor, system.patch) if system else "",
        client_type="browser" if code else "",
        client_code=code,
        client_name=name,
        client_version=_version(browser.major, browser.minor) if browser else "",
        client_engine=engine,
        client_engine_version=_engine_version(engine, text),
        device_name=_device_name(name, system.family if system else "", device.family if device else ""),
        device_brand=(device.brand or "") if device else "",
        device_model=(device.model or "") if device else "",
    )


def _version(*numbers: str | None) -> str:
    known: list[str] = []
    for number in numbers:
        if not number:
            break
        known.append(number)
    return ".".join(known)


def _engine_version(engine: str, user_agent: str) -> str:
    pattern = _ENGINE_VERSIONS.get(engine)
    found = pattern.search(user_agent) if pattern else None
    return found[1] if found else ""


def _device_name(browser: str, system: str, device: str) -> str:
    if "iPad" in device or "Tablet" in device:
        return "tablet"
    if system == "iOS" or "Mobile" in browser:
        return "smartphone"
    return "desktop" if browser in _BROWSERS and system not in {"", "Android"} else ""
