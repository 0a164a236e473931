"""The demo: a page at ``/`` that shows uploads live, and the public bucket behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.demo.outbox import PATH as OUTBOX_PATH
from tidewire.demo.outbox import may_look, outbox_page
from tidewire.services.context import Client, Context
from tidewire.services.passwords import PasswordHasher
from tidewire.services.storage.buckets import create_bucket
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance
from tidewire.store.upkeep.outbox import Outbox

DEMO_BUCKET_ID: Final = "demo"

Application = Callable[[Any, Any, Any], Awaitable[None]]

_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "demo.css": "text/css; charset=utf-8",
    "demo.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'"
)


@dataclass(frozen=True)
class Page:
    """A page or a part of one."""

    content_type: str
    body: bytes
    policy: str = _CONTENT_POLICY


def with_demo(application: Application, outbox: Outbox) -> Application:
    """Serve the demo's pages at ``/`` and ``/demo/``; everything else goes to ``application``."""
    pages = _load_pages()

    async def demo(scope: Any, receive: Any, send: Any) -> None:
        page = None
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            page = pages.get(scope["path"]) or await _outbox_page(outbox, scope)
        if page is None:
            await application(scope, receive, send)
        else:
            await _send_page(send, page, with_body=scope["method"] == "GET")

    return demo


async def ensure_demo_bucket(instance: Instance, passwords: PasswordHasher) -> None:
    """Create the bucket that everybody may read, fill and empty, unless it is there."""
    store = await instance.project(DEFAULT_PROJECT_ID)
    if store is None:
        return
    context = Context(
        project=store.project,
        caller=Caller("admin", None, ()),
        client=Client("", ""),
        database=store.database,
        objects=store.objects,
        passwords=passwords,
        jwt_secret=instance.jwt_secret,
        settings=instance.settings,
        instance=instance,
    )
    everybody = ['read("any")', 'create("any")', 'delete("any")']
    try:
        await create_bucket(context, DEMO_BUCKET_ID, "Demo", everybody, file_security=True)
    except TidewireError as error:
        if error.type != "storage_bucket_already_exists":
            raise


async def _outbox_page(outbox: Outbox, scope: Any) -> Page | None:
    path: str = scope["path"]
    if not (path == OUTBOX_PATH or path.startswith(OUTBOX_PATH + "/")) or not may_look(scope):
        return None
    found = await outbox_page(outbox, path)
    if found is None:
        return None
    html, policy = found
    return Page(_TYPES["index.html"], html.encode(), policy)


async def _send_page(send: Any, page: Page, *, with_body: bool) -> None:
    headers = [
        (b"content-type", page.content_type.encode()),
        (b"content-length", str(len(page.body)).encode()),
        (b"content-security-policy", page.policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-cache"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": page.body if with_body else b""})


def _load_pages() -> dict[str, Page]:
    static = files("tidewire.demo") / "static"
    pages = {f"/demo/{name}": Page(_TYPES[name], (static / name).read_bytes()) for name in _TYPES}
    index = pages.pop("/demo/index.html")
    body = index.body.replace(b"{{project}}", DEFAULT_PROJECT_ID.encode()).replace(
        b"{{bucket}}", DEMO_BUCKET_ID.encode()
    )
    pages["/"] = Page(index.content_type, body)
    return pages
