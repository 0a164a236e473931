"""How a mail looks: the same content as HTML and as plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from tidewire.services.messages import english
from tidewire.services.messages.wording import Wording, fill, one_line

_FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_PARAGRAPH: Final = "margin:0 0 16px;font-size:15px;line-height:1.5;color:#1f2933"
_SMALL: Final = "margin:0 0 16px;font-size:13px;line-height:1.5;color:#52606d;word-break:break-all"
_BUTTON: Final = (
    "display:inline-block;padding:12px 20px;border-radius:8px;background:#0b6bcb;color:#ffffff;"
    "font-size:15px;font-weight:600;text-decoration:none"
)
_CODE: Final = "margin:0 0 16px;font-size:32px;font-weight:700;letter-spacing:6px;color:#1f2933"
_CARD: Final = "max-width:560px;margin:0 auto;padding:32px;border-radius:12px;background:#ffffff"


@dataclass(frozen=True)
class MailText:
    """A mail without its addresses."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class Action:
    """What the receiver is to do with the mail: follow a link, or enter a code."""

    link: str = ""
    code: str = ""
    phrase: str = ""
    """Shown by the page that asked for the mail too, so that the receiver can compare; may be empty."""


def compose(wording: Wording, values: Mapping[str, str], action: Action | None = None) -> MailText:
    """The mail with these words.

    ``values`` may come from strangers (names of users, teams, projects): they are escaped in HTML and
    brought to one line everywhere. ``user`` and ``project`` are always needed; ``user`` may be empty.
    """
    action = action or Action()
    plain = {name: one_line(value) for name, value in values.items()}
    if action.phrase:
        plain["phrase"] = one_line(action.phrase)
    escaped = {name: escape(value) for name, value in plain.items()}
    return MailText(
        subject=fill(wording.subject, plain),
        html=_html(wording, escaped, action),
        text=_text(wording, plain, action),
    )


def _text(wording: Wording, values: Mapping[str, str], action: Action) -> str:
    paragraphs = [_greeting(values), *(fill(words, values) for words in wording.before)]
    if action.link:
        paragraphs.append(f"{fill(wording.button, values)}:\n{action.link}")
    if action.code:
        paragraphs.append(action.code)
    if action.phrase:
        paragraphs.append(fill(english.PHRASE, values))
    paragraphs += [fill(words, values) for words in wording.after]
    paragraphs.append(fill(english.SIGNATURE, values))
    return "\n\n".join(paragraphs) + "\n"


def _html(wording: Wording, values: Mapping[str, str], action: Action) -> str:
    parts = [_paragraph(_greeting(values)), *(_paragraph(fill(words, values)) for words in wording.before)]
    if action.link:
        link = escape(action.link)
        button = f'<a href="{link}" style="{_BUTTON}">{fill(wording.button, values)}</a>'
        parts.append(f'<p style="margin:24px 0">{button}</p>')
        parts.append(f'<p style="{_SMALL}">{escape(english.LINK_FALLBACK)}<br>{link}</p>')
    if action.code:
        parts.append(f'<p style="{_CODE}">{escape(action.code)}</p>')
    if action.phrase:
        parts.append(_paragraph(fill(english.PHRASE, values)))
    parts += [_paragraph(fill(words, values)) for words in wording.after]
    parts.append(_paragraph(fill(english.SIGNATURE, values)))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{fill(wording.subject, values)}</title>\n</head>\n"
        f'<body style="margin:0;padding:24px;background:#f0f4f8;{_FONT}">\n'
        f'<div style="{_CARD}">\n' + "\n".join(parts) + "\n</div>\n</body>\n</html>\n"
    )


def _paragraph(html: str) -> str:
    return f'<p style="{_PARAGRAPH}">{html}</p>'


def _greeting(values: Mapping[str, str]) -> str:
    return fill(english.GREETING if values["user"] else english.GREETING_NOBODY, values)
