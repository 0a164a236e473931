"""Pages that show the local outbox: the mails and text messages that nothing carried.

They hold links and codes with which one signs in as somebody else. So they are shown only to a browser on
the same machine that asked for this machine by a local name.
"""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from html import escape
from typing import Any, Final
from urllib.parse import quote

from tidewire.core.time import format_datetime
from tidewire.identity.heads import Head
from tidewire.store.upkeep.outbox import KeptMessage, Outbox

PATH: Final = "/demo/outbox"
SHOWN: Final = 100
"""Messages on the page, the newest."""
LIST_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
MESSAGE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""What a message may do in its frame: be looked at, and open links in new tabs."""


def may_look(scope: Any) -> bool:
    """Whether a request comes from this machine, directly, and asks for this machine by a local name."""
    client = scope.get("client")
    return Head(scope["headers"], client[0] if client else "", "", None).from_this_machine


async def outbox_page(outbox: Outbox, path: str) -> tuple[str, str] | None:
    """The page at a path as HTML, with its content policy; None if there is none."""
    if path == PATH:
        kept = await asyncio.to_thread(outbox.newest, SHOWN)
        return _list(kept), LIST_POLICY
    found = await asyncio.to_thread(outbox.find, path.removeprefix(PATH + "/"))
    return (_content(found.message), MESSAGE_POLICY) if found is not None else None


def _list(messages: list[KeptMessage]) -> str:
    cards = "\n".join(map(_card, messages))
    shown = f'<ul id="mails">\n{cards}\n</ul>' if messages else '<p id="empty">Nothing was sent yet.</p>'
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>Tidewire demo: outbox</title>\n"
        '<link rel="icon" href="/demo/icon.svg" type="image/svg+xml">\n'
        '<link rel="stylesheet" href="/demo/demo.css">\n</head>\n<body>\n<header>\n'
        '<a href="/"><img src="/demo/icon.svg" alt="Tidewire demo" width="36" height="36"></a>\n'
        "<div>\n<h1>Outbox</h1>\n<p>Mails and text messages that nothing carried.</p>\n"
        f'</div>\n</header>\n<main class="single">\n<section>\n{shown}\n</section>\n'
        "</main>\n</body>\n</html>\n"
    )


def _card(kept: KeptMessage) -> str:
    message = kept.message
    channel = "text message" if message["X-Tidewire-Channel"] == "sms" else "mail"
    subject, to = escape(str(message["Subject"] or "")), escape(str(message["To"] or ""))
    address = f"{PATH}/{quote(kept.name)}"
    return (
        f"<li>\n<details>\n<summary><b>{subject}</b> <span>{channel} to {to}</span> "
        f"<time>{format_datetime(kept.created_at)}</time></summary>\n"
        f'<iframe src="{address}" title="{subject}" loading="lazy" sandbox="allow-popups '
        'allow-popups-to-escape-sandbox"></iframe>\n</details>\n</li>'
    )


def _content(message: EmailMessage) -> str:
    """The message itself, as HTML; links open in new tabs."""
    html = _part(message, "html")
    if html is not None:
        return html.replace("<head>", '<head>\n<base target="_blank">', 1)
    text = escape(_part(message, "plain") or "")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Message</title>\n</head>\n'
        f'<body style="background:#fff">\n<pre style="white-space:pre-wrap">{text}</pre>\n</body>\n</html>\n'
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    content = part.get_content()
    return content if isinstance(content, str) else None
