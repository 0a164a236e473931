"""Mails to those who run a project, in English: no template replaces them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidewire.services.messages.filling import fill_html
from tidewire.services.messages.languages import language_of
from tidewire.services.messages.mails import MailText
from tidewire.services.messages.pages import mail_body, mail_page
from tidewire.services.messages.wording import Wording, fill, one_line

_SMTP_TEST: Final = Wording(
    subject="Custom SMTP email sample",
    before=(
        "This mail was sent to test the mail settings of {{project}}.",
        "They are working correctly: you are reading it.",
    ),
    after=("Server: {{host}}", "Sender: {{sender}}"),
)
WEBHOOK_PAUSED: Final = "Webhook deliveries have been paused"
_WEBHOOK_PAUSED: Final = Wording(
    subject=WEBHOOK_PAUSED,
    before=(
        "The webhook {{webhook}} of the project {{project}} failed {{failures}} times in a row.",
        "Events are no longer sent to it.",
        "Address: {{url}}",
        "Last failure: {{reason}}",
    ),
    after=("Once the address works again, enable the webhook: it then gets the events from that moment on.",),
)


def webhook_disabled_mail(
    project: str, user: str, webhook: str, url: str, failures: int, reason: str
) -> MailText:
    """Tells an owner of a project that one of its webhooks failed too often; ``user`` may be empty."""
    values = {
        "project": project,
        "user": user,
        "webhook": webhook,
        "url": url,
        "failures": str(failures),
        "reason": reason,
    }
    return _notice(_WEBHOOK_PAUSED, values)


def webhook_paused_text(project: str, webhook: str, failures: int) -> str:
    """What people of the console are notified of when a webhook failed too often."""
    return (
        f'Webhook "{one_line(webhook)}" of the project {one_line(project)} has been paused after {failures}'
        " failed attempts to deliver an event. Enable it once its address works again."
    )


def smtp_test_mail(project: str, sender: str, host: str) -> MailText:
    """Shows that mail works; ``sender`` and ``host`` are those of the settings tested."""
    unknown = language_of("en").unknown
    values = {"project": project, "user": "", "sender": sender or unknown, "host": host or unknown}
    return _notice(_SMTP_TEST, values)


def _notice(wording: Wording, values: Mapping[str, str]) -> MailText:
    language = language_of("en")
    plain = {name: one_line(value) for name, value in values.items()}
    named = bool(plain["user"])
    body = fill_html(mail_body(wording, language, named=named, phrase=""), plain)
    greeting = language.greeting if named else language.greeting_nobody
    text = "\n\n".join((greeting, *wording.before, *wording.after, "{{project}}"))
    return MailText(wording.subject, mail_page(body, wording.subject, language), fill(text, plain) + "\n")
