"""Every mail that Tidewire sends: the occasions, with what is told at each, and how they become mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from tidewire.core.email_templates import MailTemplate, TemplateId
from tidewire.services.messages.filling import FillableHtml
from tidewire.services.messages.pages import mail_body, mail_page
from tidewire.services.messages.plain_text import plain_text
from tidewire.services.messages.wording import Language, Wording, fill, one_line

_WORDS: Final[Mapping[TemplateId, str]] = {
    "verification": "verification",
    "magicSession": "magic_session",
    "recovery": "recovery",
    "invitation": "invitation",
    "mfaChallenge": "mfa_challenge",
    "sessionAlert": "session_alert",
    "otpSession": "otp_session",
}
_PHRASED: Final = frozenset[TemplateId]({"magicSession", "otpSession"})
"""Mails that a security phrase may stand in."""
_PHRASE_PLACE: Final = "{{securityPhrase}}"


@dataclass(frozen=True)
class MailText:
    """A mail without its addresses."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class Device:
    """The program that something was asked for with, by its names; unknown ones are empty."""

    client: str = ""
    system: str = ""
    kind: str = ""

    def values(self) -> dict[str, str]:
        """By the names of their placeholders."""
        whole = ", ".join(name for name in (self.client, self.system) if name)
        return {
            "device": whole,
            "agentClient": self.client,
            "agentOs": self.system,
            "agentDevice": self.kind,
        }


@dataclass(frozen=True)
class Occasion:
    """What a mail is about: its kind, and values by the names of their placeholders, as they are."""

    template: TemplateId
    values: Mapping[str, str] = field(default_factory=dict)


def verification(link: str) -> Occasion:
    """Asks to follow ``link`` to confirm the address."""
    return Occasion("verification", {"redirect": link})


def recovery(link: str) -> Occasion:
    """Offers to set a new password at ``link``."""
    return Occasion("recovery", {"redirect": link})


def magic_session(link: str, device: Device, ip: str, phrase: str = "") -> Occasion:
    """Signs in whoever follows ``link``; who asked for it is told."""
    return Occasion("magicSession", {"redirect": link, "phrase": phrase, "ipAddress": ip, **device.values()})


def otp_session(code: str, device: Device, ip: str, phrase: str = "") -> Occasion:
    """Brings the code to sign in with; who asked for it is told."""
    return Occasion("otpSession", {"otp": code, "phrase": phrase, "ipAddress": ip, **device.values()})


def mfa_challenge(code: str, device: Device, ip: str) -> Occasion:
    """Brings the code that is the second factor of a sign-in."""
    return Occasion("mfaChallenge", {"otp": code, "ipAddress": ip, **device.values()})


def invitation(owner: str, team: str, link: str) -> Occasion:
    """Invites into ``team``; ``owner``, who did so, is empty if no person did."""
    return Occasion("invitation", {"owner": owner, "team": team, "redirect": link})


def session_alert(device: Device, ip: str, country: str) -> Occasion:
    """Tells of a sign-in."""
    return Occasion("sessionAlert", {"ipAddress": ip, "country": country, **device.values()})


def built_in_template(template: TemplateId, language: Language) -> MailTemplate:
    """The texts of a mail as they are without a template of the project."""
    return _built_in(template, language, True, _PHRASE_PLACE if template in _PHRASED else "")


def compose(
    occasion: Occasion,
    language: Language,
    project: str,
    user: str,
    moment: int,
    template: MailTemplate | None = None,
) -> MailText:
    """The mail for an occasion, by the template of the project or in the words of the language.

    All values may come from strangers: they are brought to one line, and escaped in HTML for where they
    stand. ``user`` may be empty; ``moment`` is the time of the occasion, in milliseconds since the epoch.
    """
    values = _values(occasion, language, project, user, moment)
    phrase = values["securityPhrase"]
    if template is None:
        texts = _built_in(occasion.template, language, bool(user), phrase and _PHRASE_PLACE)
    else:
        texts = template
    subject = one_line(fill(texts.subject, values))
    values |= {"subject": subject, "heading": subject}
    message = _read(texts.message)
    html = mail_page(message.html.filled(values), subject, language)
    if template is None:
        text = _text(_wording(occasion.template, language), language, values, named=bool(user))
    else:
        text = fill(message.text, values)
    return MailText(subject, html, text)


class _Message(NamedTuple):
    """The message of a template, read."""

    html: FillableHtml
    text: str
    """What people read of it, with its placeholders."""


@lru_cache(maxsize=16)
def _read(message: str) -> _Message:
    """Read a message, which takes milliseconds for each 10 KB; the last ones are kept."""
    return _Message(FillableHtml(message), plain_text(message))


def _values(occasion: Occasion, language: Language, project: str, user: str, moment: int) -> dict[str, str]:
    date = datetime.fromtimestamp(moment / 1000, UTC)
    values = {
        "user": user,
        "project": project,
        "direction": "rtl" if language.right_to_left else "ltr",
        "date": f"{date:%Y-%m-%d}",
        "time": f"{date:%H:%M} UTC",
        "year": f"{date:%Y}",
        **occasion.values,
    }
    for name in ("device", "agentClient", "agentOs", "agentDevice", "ipAddress", "country"):
        if values.get(name) == "":
            values[name] = language.unknown
    if values.get("owner") == "":
        values["owner"] = language.somebody
    values = {name: value if name == "redirect" else one_line(value) for name, value in values.items()}
    values["securityPhrase"] = fill(language.phrase, values) if values.get("phrase") else ""
    return values


def _wording(template: TemplateId, language: Language) -> Wording:
    wording: Wording = getattr(language, _WORDS[template])
    return wording


@lru_cache(maxsize=512)
def _built_in(template: TemplateId, language: Language, named: bool, phrase: str) -> MailTemplate:
    wording = _wording(template, language)
    return MailTemplate(
        subject=wording.subject, message=mail_body(wording, language, named=named, phrase=phrase)
    )


def _text(wording: Wording, language: Language, values: Mapping[str, str], *, named: bool) -> str:
    paragraphs = [language.greeting if named else language.greeting_nobody, *wording.before]
    if wording.button:
        paragraphs.append(f"{wording.button}:\n{{{{redirect}}}}")
    if wording.code:
        paragraphs.append("{{otp}}")
    if values["securityPhrase"]:
        paragraphs.append(_PHRASE_PLACE)
    paragraphs += [*wording.after, "{{project}}"]
    return fill("\n\n".join(paragraphs), values) + "\n"
