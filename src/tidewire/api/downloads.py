"""Stored content on its way out: ranges, validators, and types that no browser runs."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, cast

import structlog

from tidewire.api.asgi import Headers, Send
from tidewire.api.content_range import parse_range
from tidewire.api.errors import error_body
from tidewire.api.http_answers import BROKEN_OFF
from tidewire.api.requests import Request
from tidewire.api.responses import COMMON_HEADERS, send_empty, send_json
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.store.objects.storage import ObjectMissingError

_log = structlog.get_logger()

_SHOWN_AS_THEY_ARE: Final = frozenset({"application/json", "application/pdf", "text/plain", "text/csv"})
"""Types, beside pictures, sound and video, that a browser shows without running anything in them."""
_SHOWN_AS_TEXT: Final = frozenset(
    {"application/xml", "application/javascript", "application/x-javascript", "application/ecmascript"}
)
_POLICY: Final = b"default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"


async def send_download(request: Request, send: Send, download: Download, cors: Headers) -> None:
    """Answer with the content, with the range of it that was asked for, or that the client has it already."""
    etag = f'"{download.etag}"'
    headers = [
        *cors,
        (b"etag", etag.encode("latin-1")),
        (b"last-modified", _http_date(download.modified).encode()),
        (b"cache-control", _cache_control(download)),
    ]
    if _is_unchanged(request, etag, download.modified):
        await send_empty(send, 304, headers)
        return
    headers += [(b"accept-ranges", b"bytes"), *_content_headers(download)]
    try:
        wanted = _wanted_range(request, etag, download)
    except TidewireError as error:
        headers = [*cors, (b"content-range", b"bytes */%d" % download.size)]
        await send_json(send, error.code, error_body(error), headers)
        return
    start, stop = wanted or (0, download.size)
    content = download.open(start, stop)
    first = b""
    if start < stop and request.method != "HEAD":
        try:
            first = await anext(content)
        except ObjectMissingError as missing:
            _log.error("content_missing", path=request.path, reason=str(missing))
            told = TidewireError(
                "storage_file_not_found", "The content of this file is missing or damaged on the server."
            )
            await send_json(send, told.code, error_body(told), cors)
            return
    if wanted:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, download.size)))
    headers.append((b"content-length", b"%d" % (stop - start)))
    status = 206 if wanted else 200
    await send({"type": "http.response.start", "status": status, "headers": [*COMMON_HEADERS, *headers]})
    if request.method == "HEAD" or start == stop:
        await send({"type": "http.response.body", "body": b""})
    else:
        await _send_content(request, send, _after(first, content), stop - start)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", rest)):
        yield first
        async for piece in rest:
            yield piece


async def _send_content(request: Request, send: Send, content: AsyncIterator[bytes], size: int) -> None:
    """Send ``size`` bytes, no faster than the client takes them; stop early if it has gone away."""
    gone = asyncio.ensure_future(request.disconnected())
    try:
        async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", content)):
            async for piece in content:
                size -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": size > 0})
                if gone.done() or size <= 0:
                    return
    except ObjectMissingError as missing:
        # The headers are out: all that can be done is to break off, which the client sees by the length.
        _log.error("content_missing", path=request.path, reason=str(missing))
        await send({"type": BROKEN_OFF})
    except Exception:
        _log.exception("download_failed", path=request.path)
        await send({"type": BROKEN_OFF})
    finally:
        gone.cancel()


def _cache_control(download: Download) -> bytes:
    """The header that says how long a client may keep its copy: it asks before each use, unless the download
    says otherwise."""
    return b"private, max-age=%d" % download.kept_seconds if download.kept_seconds else b"private, no-cache"


def _wanted_range(request: Request, etag: str, download: Download) -> tuple[int, int] | None:
    wanted = request.header(b"range")
    condition = request.header(b"if-range")
    if condition and condition not in {etag, _http_date(download.modified)}:
        return None
    return parse_range(wanted, download.size)


def _is_unchanged(request: Request, etag: str, modified: int) -> bool:
    """Whether the client's copy is still good (RFC 9110, 13.1.2 and 13.1.3)."""
    tags = request.header(b"if-none-match")
    if tags:
        return tags.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    since = request.header(b"if-modified-since")
    if not since:
        return False
    try:
        return modified // 1000 <= email.utils.parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError, TypeError):
        return False


def _content_headers(download: Download) -> Headers:
    mime_type = shown_type(download.mime_type) if download.inline else download.mime_type
    if any(character in mime_type for character in "\r\n\0") or not mime_type.isascii():
        mime_type = "application/octet-stream"
    headers = [
        (b"content-type", mime_type.encode()),
        (b"content-disposition", content_disposition(download.name, download.inline).encode()),
    ]
    if mime_type != "application/pdf":  # whose viewers do not start in a sandbox
        headers.append((b"content-security-policy", _POLICY))
    return headers


def shown_type(mime_type: str) -> str:
    """The type under which a browser may show content of ``mime_type`` without running any of it.

    Pages and scripts become plain text, unknown types something to save. SVG keeps its type, which
    pictures in pages need; the policy sent along keeps scripts in it from running.
    """
    family, _, subtype = mime_type.partition("/")
    if family in {"image", "audio", "video", "font"} or mime_type in _SHOWN_AS_THEY_ARE:
        return mime_type
    if family == "text" or mime_type in _SHOWN_AS_TEXT or subtype.endswith("+xml"):
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


def content_disposition(name: str, inline: bool) -> str:
    """The header for a file name of any characters (RFC 6266, with the encoding of RFC 8187)."""
    plain = name.encode("ascii", "replace").decode()
    plain = "".join(
        "_" if character in '"\\%?' or not character.isprintable() else character for character in plain
    )
    encoded = urllib.parse.quote(name, safe="!#$&+-.^_`|~", errors="replace")
    kind = "inline" if inline else "attachment"
    return f'{kind}; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{encoded}")


def _http_date(milliseconds: int) -> str:
    return email.utils.formatdate(milliseconds // 1000, usegmt=True)
