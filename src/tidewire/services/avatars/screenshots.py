"""Screenshots of pages, where the operator lets the server take them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import structlog

from tidewire.core.checks.lists import Items, JsonObject
from tidewire.core.checks.numbers import Boolean, Fraction, Whole
from tidewire.core.checks.texts import AnyCaseChoice, Timezone
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.rate_limits import RateLimit
from tidewire.pictures.contract import Output, PicturesBusyError, Rendering
from tidewire.screenshots.contract import ScreenshotError, ScreenshotsUnavailableError, Shot
from tidewire.services.avatars import operations
from tidewire.services.avatars.elsewhere import Address
from tidewire.services.avatars.marks import Side
from tidewire.services.avatars.people import OptionalText
from tidewire.services.context import Context
from tidewire.services.pictures import KEPT_SECONDS, drawn_picture, present_party, told
from tidewire.services.storage.previews import OutputName

_PERMISSIONS: Final = (
    "geolocation", "camera", "microphone", "notifications", "midi", "push", "clipboard-read",
    "clipboard-write", "payment-handler", "usb", "bluetooth", "accelerometer", "gyroscope", "magnetometer",
    "ambient-light-sensor", "background-sync", "persistent-storage", "screen-wake-lock", "web-share",
    "xr-spatial-tracking",
)  # fmt: skip
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_FORBIDDEN: Final = ("host", "content-length", "connection", "transfer-encoding", "upgrade", "te", "trailer")
_VALUE: Final = re.compile(r"[\x20-\x7e\t]{0,8192}")

_log = structlog.get_logger("tidewire.screenshots")


@operations.declare(
    "getScreenshot",
    "GET",
    "/avatars/screenshots",
    scopes=("avatars.read",),
    limit=RateLimit(60, 3600, ("url:{url},ip:{ip}",)),
)
async def get_screenshot(
    context: Context,
    url: Address,
    headers: Annotated[dict[str, Any], JsonObject(65535)] = {},  # noqa: B006 - nothing changes it
    viewport_width: Annotated[int, Whole(1, 1920)] = 1280,
    viewport_height: Annotated[int, Whole(1, 1080)] = 720,
    scale: Annotated[float, Fraction(0.1, 3)] = 1,
    theme: Annotated[Literal["light", "dark"], AnyCaseChoice(("light", "dark"))] = "light",
    user_agent: Annotated[str, OptionalText(1, 512)] = "",
    fullpage: Boolean = False,
    locale: Annotated[str, OptionalText(1, 10)] = "",
    timezone: Annotated[str, Timezone()] = "",
    latitude: Annotated[float, Fraction(-90, 90)] = 0,
    longitude: Annotated[float, Fraction(-180, 180)] = 0,
    accuracy: Annotated[float, Fraction(0, 100_000)] = 0,
    touch: Boolean = False,
    permissions: Annotated[Sequence[str], Items(AnyCaseChoice(_PERMISSIONS))] = (),
    sleep: Annotated[int, Whole(0, 10)] = 0,
    width: Side = 0,
    height: Side = 0,
    quality: Annotated[int, Whole(-1, 100)] = -1,
    output: OutputName = "",
) -> Download:
    """Get a picture of a page, as a browser shows it to a visitor."""
    assert context.screenshots is not None, "requests come with what takes screenshots"
    shot = Shot(
        url=url,
        width=viewport_width,
        height=viewport_height,
        scale=scale,
        theme=theme,
        full_page=fullpage,
        headers=_headers(headers),
        user_agent=user_agent,
        locale=locale,
        timezone=timezone,
        position=(latitude, longitude, accuracy) if latitude or longitude or accuracy else None,
        touch=touch,
        permissions=permissions,
        sleep=sleep,
    )
    try:
        taken = await context.screenshots.take(present_party(), shot)
    except PicturesBusyError as error:
        raise told(error) from None
    except ScreenshotsUnavailableError as error:
        raise TidewireError("avatar_remote_url_failed", str(error)) from None
    except ScreenshotError as error:
        # Not why: whoever asks would learn what is there within this network, and what is not.
        _log.info("no screenshot", reason=str(error))
        raise TidewireError("avatar_remote_url_failed", "The page could not be shown.") from None
    form: Output = "png" if output == "" else "jpg" if output == "jpeg" else output
    job = Rendering(width=width, height=height, quality=quality, output=form)
    return await drawn_picture(context, "screenshot", job, taken, kept_seconds=KEPT_SECONDS)


def _headers(given: dict[str, Any]) -> dict[str, str]:
    for name, value in given.items():
        if not isinstance(value, str) or not _VALUE.fullmatch(value) or not _HEADER.fullmatch(name):
            raise TidewireError(
                "general_argument_invalid",
                "Invalid `headers` param: Names and values must fit into a request.",
            )
    return {name: value for name, value in given.items() if name.lower() not in _FORBIDDEN}
