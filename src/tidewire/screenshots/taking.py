"""The steps from an empty window to the picture of a page."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from typing import Any, Final

from tidewire.screenshots.contract import ScreenshotError, Shot
from tidewire.screenshots.devtools import DevTools

_PERMISSIONS: Final = {
    "geolocation": "geolocation",
    "camera": "videoCapture",
    "microphone": "audioCapture",
    "notifications": "notifications",
    "midi": "midi",
    "clipboard-read": "clipboardReadWrite",
    "clipboard-write": "clipboardSanitizedWrite",
    "payment-handler": "paymentHandler",
    "accelerometer": "sensors",
    "gyroscope": "sensors",
    "magnetometer": "sensors",
    "ambient-light-sensor": "sensors",
    "background-sync": "backgroundSync",
    "persistent-storage": "durableStorage",
    "screen-wake-lock": "wakeLockScreen",
}
"""The browser's words for what pages may do. It asks for the others with windows that nobody answers."""
_LONGEST: Final = 16_384
"""Pixels of a side of a picture, beyond which the browser draws none."""


async def take(devtools: DevTools, shot: Shot, most_pixels: int) -> bytes:
    """A picture of the page as PNG. Raises :class:`ScreenshotError`."""
    page = await _Page.opened(devtools)
    await page.look(shot)
    await page.go(shot.url)
    await asyncio.sleep(shot.sleep)
    return await page.picture(shot, most_pixels)


class _Page:
    def __init__(self, devtools: DevTools, session: str) -> None:
        self._devtools = devtools
        self._session = session

    @classmethod
    async def opened(cls, devtools: DevTools) -> _Page:
        await devtools.call("Browser.setDownloadBehavior", {"behavior": "deny"})
        target = await devtools.call("Target.createTarget", {"url": "about:blank"})
        attached = await devtools.call(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        return cls(devtools, attached["sessionId"])

    async def look(self, shot: Shot) -> None:
        """Be the visitor that is asked for."""
        await self._call("Page.enable")
        await self._call("Network.enable")
        metrics = {"width": shot.width, "height": shot.height, "deviceScaleFactor": shot.scale}
        await self._call("Emulation.setDeviceMetricsOverride", {**metrics, "mobile": shot.touch})
        await self._call("Emulation.setTouchEmulationEnabled", {"enabled": shot.touch})
        scheme = {"name": "prefers-color-scheme", "value": shot.theme}
        await self._call("Emulation.setEmulatedMedia", {"features": [scheme]})
        if shot.headers:
            await self._call("Network.setExtraHTTPHeaders", {"headers": dict(shot.headers)})
        if shot.user_agent or shot.locale:
            agent = shot.user_agent or (await self._devtools.call("Browser.getVersion"))["userAgent"]
            named = {"userAgent": agent} | ({"acceptLanguage": shot.locale} if shot.locale else {})
            await self._call("Emulation.setUserAgentOverride", named)
        if shot.locale:
            await self._call("Emulation.setLocaleOverride", {"locale": shot.locale.replace("-", "_")})
        if shot.timezone:
            await self._call("Emulation.setTimezoneOverride", {"timezoneId": shot.timezone})
        if shot.position is not None:
            latitude, longitude, accuracy = shot.position
            place = {"latitude": latitude, "longitude": longitude, "accuracy": accuracy}
            await self._call("Emulation.setGeolocationOverride", place)
        granted = sorted({_PERMISSIONS[each] for each in shot.permissions if each in _PERMISSIONS})
        if granted:
            await self._devtools.call("Browser.grantPermissions", {"permissions": granted})

    async def go(self, url: str) -> None:
        """Open the page, and wait until it is loaded."""
        loaded, broken = asyncio.Event(), asyncio.Event()
        failed: set[str] = set()
        page: list[str] = []

        def done(_: dict[str, Any]) -> None:
            loaded.set()

        def fail(told: dict[str, Any]) -> None:
            failed.add(told["requestId"])
            if page and page[0] in failed:
                broken.set()

        def dismiss(_: dict[str, Any]) -> None:
            self._devtools.tell("Page.handleJavaScriptDialog", {"accept": False}, self._session)

        self._devtools.listen("Page.loadEventFired", done)
        self._devtools.listen("Network.loadingFailed", fail)
        self._devtools.listen("Page.javascriptDialogOpening", dismiss)
        opened = await self._call("Page.navigate", {"url": url})
        if opened.get("errorText") or opened.get("isDownload"):
            raise ScreenshotError(opened.get("errorText") or "it is a download")
        page.append(opened.get("loaderId", ""))
        if page[0] in failed:
            broken.set()
        waiting = [asyncio.ensure_future(each.wait()) for each in (loaded, broken)]
        ends: list[asyncio.Future[Any]] = [*waiting, self._devtools.ended]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        if broken.is_set():
            raise ScreenshotError("the page broke off")

    async def picture(self, shot: Shot, most_pixels: int) -> bytes:
        asked: dict[str, Any] = {"format": "png"}
        if shot.full_page:
            sizes = await self._call("Page.getLayoutMetrics")
            content = sizes["cssContentSize"]
            width = min(math.ceil(content["width"]), int(_LONGEST / shot.scale))
            most = min(_LONGEST / shot.scale, most_pixels / (max(width, 1) * shot.scale**2))
            height = max(1, min(math.ceil(content["height"]), int(most)))
            asked["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            asked["captureBeyondViewport"] = True
        made = await self._call("Page.captureScreenshot", asked)
        try:
            return base64.b64decode(made["data"], validate=True)
        except (KeyError, binascii.Error):
            raise ScreenshotError("the browser made no picture") from None

    async def _call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self._devtools.call(method, parameters, self._session)
