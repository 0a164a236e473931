"""Pictures that lie elsewhere: fetched, by public addresses only, and made anew before anybody sees them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

import tidewire
from tidewire.core.checks.addresses import RemoteUrl
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.outbound.fetching import Fetched, fetch
from tidewire.outbound.guard import Guard
from tidewire.outbound.http import RequestFailedError
from tidewire.pictures.contract import (
    HarmlessSvg,
    PageIcon,
    PictureError,
    PicturesBusyError,
    Rendering,
    UndecodableError,
)
from tidewire.pictures.pictures import Pictures
from tidewire.services.avatars import operations
from tidewire.services.avatars.marks import Side
from tidewire.services.context import Context
from tidewire.services.pictures import (
    KEPT_SECONDS,
    MODIFIED,
    download_of,
    drawn_picture,
    kept_picture,
    present_party,
    tag_of,
    told,
)

_ICON: Final = Rendering(width=56, height=56, quality=80, output="png")
_REDIRECTS: Final = 5
_DAY_MS: Final = 24 * 3600 * 1000
_AGENT: Final = f"Mozilla/5.0 (compatible; Tidewire/{tidewire.__version__})"

Address = Annotated[str, RemoteUrl()]


@operations.declare("getImage", "GET", "/avatars/image", scopes=("avatars.read",))
async def get_image(context: Context, url: Address, width: Side = 400, height: Side = 400) -> Download:
    """Get a picture that lies elsewhere, scaled; it is asked for again after a day."""
    job = Rendering(width=width, height=height, quality=80, output="png")

    async def content() -> bytes:
        found = await fetch_from(context, url)
        if found.status != 200:
            raise _no_image()
        return found.body

    try:
        return await kept_picture(
            context,
            "image",
            job,
            tag=tag_of(job, url, now() // _DAY_MS),
            folder=f"avatars/{context.project.id}",
            modified=MODIFIED,
            fetch=content,
        )
    except TidewireError as error:
        raise (_no_image() if error.type == "storage_file_type_unsupported" else error) from None


@operations.declare("getFavicon", "GET", "/avatars/favicon", scopes=("avatars.read",))
async def get_favicon(context: Context, url: Address) -> Download:
    """Get the icon of a web site: the one that its page names, or the one at its root."""
    async with fetching(context) as pictures:
        page = await fetch_from(context, url, redirects=_REDIRECTS)
        try:
            named = await pictures.drawn(present_party(), PageIcon(url=page.url), page.body)
        except PictureError as error:
            raise _no_icon() if isinstance(error, UndecodableError) else told(error) from None
        icon = await fetch_from(context, named.decode(), redirects=_REDIRECTS)
        if icon.status != 200:
            raise _no_icon()
        return await _shown_icon(pictures, context, icon)


async def _shown_icon(pictures: Pictures, context: Context, icon: Fetched) -> Download:
    if icon.media_type == "image/svg+xml" or icon.url.partition("?")[0].endswith(".svg"):
        try:
            drawing = await pictures.drawn(present_party(), HarmlessSvg(), icon.body)
        except UndecodableError as error:
            raise TidewireError(
                "avatar_svg_sanitization_failed", f"The icon cannot be shown: {error}."
            ) from None
        except PictureError as error:
            raise told(error) from None
        return _as_it_is(drawing, "icon.svg", "image/svg+xml")
    if icon.url.partition("?")[0].endswith(".ico"):
        if _is_page(icon.body):
            raise _no_icon()
        return _as_it_is(icon.body, "icon.ico", "image/x-icon")
    try:
        return await drawn_picture(context, "icon", _ICON, icon.body, kept_seconds=KEPT_SECONDS)
    except TidewireError as error:
        raise (_no_icon() if error.type == "storage_file_type_unsupported" else error) from None


@asynccontextmanager
async def fetching(context: Context) -> AsyncIterator[Pictures]:
    """Fetch within this, and make what is made of it, when it is the caller's turn.

    Raises ``general_server_busy``.
    """
    assert context.pictures is not None, "requests come with what makes pictures"
    try:
        async with context.pictures.fetching(present_party()):
            yield context.pictures
    except PicturesBusyError as error:
        raise told(error) from None


async def fetch_from(context: Context, url: str, redirects: int = 0) -> Fetched:
    """What lies at an address. Raises ``avatar_remote_url_failed``."""
    settings = context.settings
    try:
        return await fetch(
            url,
            Guard(allow_private=False, hosts=settings.avatars_allowed_hosts),
            agent=_AGENT,
            seconds=settings.avatars_fetch_seconds,
            most_bytes=settings.avatars_fetch_max_bytes,
            redirects=redirects,
        )
    except RequestFailedError:
        # Not why: whoever asks would learn what is there within this network, and what is not.
        raise TidewireError("avatar_remote_url_failed", "The address could not be read.") from None


def _as_it_is(content: bytes, name: str, mime_type: str) -> Download:
    tag = hashlib.sha256(content).hexdigest()[:40]
    return download_of(content, name, mime_type, tag, True, KEPT_SECONDS)


def _is_page(content: bytes) -> bool:
    """Whether content that should be an icon is a page, as servers answer for what is not there."""
    begin = content.lstrip()[:5].lower()
    return begin.startswith((b"<html", b"<!doc"))


def _no_image() -> TidewireError:
    return TidewireError("avatar_image_not_found", "There is no picture at this address.")


def _no_icon() -> TidewireError:
    return TidewireError("avatar_icon_not_found", "This site has no icon that can be shown.")
