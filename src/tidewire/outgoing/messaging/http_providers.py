"""Providers that are called by HTTP: what each is sent, one row of a table each."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec

from tidewire.outbound.http import HttpAnswer
from tidewire.outgoing.messaging.couriers import Letter, Provider, Recipient
from tidewire.outgoing.messaging.mime import mime_of
from tidewire.outgoing.messaging.signatures import aws_headers


@dataclass(frozen=True)
class HttpCall:
    """One call of a provider, a POST."""

    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class HttpProvider:
    """How providers of one kind are called."""

    base: str
    """Address that they are at; in braces a credential."""
    call: Callable[[str, Provider, Letter, Sequence[Recipient]], HttpCall]
    """Makes the call from the address, the provider, the message and its recipients. Raises ValueError."""
    at_once: int = 1
    """Recipients of one call."""
    with_files: int | None = None
    """The same where files are attached; None: no difference."""
    problem: Callable[[Any], str] = lambda _: ""
    """What is wrong according to the JSON of an answer with status 200; empty if nothing is."""


def _basic(user: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _json(url: str, headers: Sequence[tuple[str, str]], body: Any) -> HttpCall:
    return HttpCall(url, [*headers, ("Content-Type", "application/json")], msgspec.json.encode(body))


def _form(url: str, headers: Sequence[tuple[str, str]], fields: Mapping[str, str]) -> HttpCall:
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    return HttpCall(url, [*headers, kind], urlencode(fields).encode())


def _named(address: str, name: str) -> str:
    """An address as mail headers have it."""
    plain = name.replace('"', "'").replace("\r", " ").replace("\n", " ")
    return f'"{plain}" <{address}>' if name else address


def _from(provider: Provider) -> str:
    return _named(provider.text("fromEmail"), provider.text("fromName"))


def _reply_to(provider: Provider) -> str:
    address = provider.text("replyToEmail")
    return _named(address, provider.text("replyToName")) if address else ""


def _body_kind(letter: Letter) -> str:
    return "html" if letter.data.get("html") else "text"


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _mailgun(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    """Recipients with variables of their own get a mail each, and do not see one another."""
    fields = [
        ("from", _from(provider)),
        *(("to", each.address) for each in recipients),
        ("subject", letter.text("subject")),
        (_body_kind(letter), letter.text("content")),
        ("recipient-variables", msgspec.json.encode({each.address: {} for each in recipients}).decode()),
    ]
    if reply_to := _reply_to(provider):
        fields.append(("h:Reply-To", reply_to))
    boundary = uuid4().hex
    body = bytearray()
    for name, value in fields:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for file in letter.attachments:
        name = quote(file.name)
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="attachment"; filename="{name}"\r\n'
            f"Content-Type: {file.mime_type}\r\n\r\n"
        ).encode()
        body += file.content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    headers = [
        _basic("api", provider.text("apiKey")),
        ("Content-Type", f"multipart/form-data; boundary={boundary}"),
    ]
    return HttpCall(f"{base}/v3/{quote(provider.text('domain'))}/messages", headers, bytes(body))


def _sendgrid(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    def person(address: str, name: str) -> dict[str, str]:
        return {"email": address, **({"name": provider.text(name)} if provider.text(name) else {})}

    body: dict[str, Any] = {
        "personalizations": [{"to": [{"email": each.address}]} for each in recipients],
        "from": person(provider.text("fromEmail"), "fromName"),
        "subject": letter.text("subject"),
        "content": [
            {
                "type": "text/html" if letter.data.get("html") else "text/plain",
                "value": letter.text("content"),
            }
        ],
    }
    if reply_to := provider.text("replyToEmail"):
        body["reply_to"] = person(reply_to, "replyToName")
    if letter.attachments:
        body["attachments"] = [
            {"content": _encoded(file.content), "filename": file.name, "type": file.mime_type}
            for file in letter.attachments
        ]
    return _json(f"{base}/v3/mail/send", [("Authorization", f"Bearer {provider.text('apiKey')}")], body)


def _resend(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    """Many mails by one call, of which none may have files; with files a call each."""
    usual: dict[str, Any] = {
        "from": _from(provider),
        "subject": letter.text("subject"),
        _body_kind(letter): letter.text("content"),
    }
    if reply_to := _reply_to(provider):
        usual["reply_to"] = reply_to
    # A call that is made again because its answer got lost sends nothing more.
    digest = f"{letter.project_id}.{letter.id}.{recipients[0].id}.{recipients[-1].id}.{len(recipients)}"
    headers = [("Authorization", f"Bearer {provider.text('apiKey')}"), ("Idempotency-Key", digest)]
    if letter.attachments:
        files = [{"filename": each.name, "content": _encoded(each.content)} for each in letter.attachments]
        body = {**usual, "to": [recipients[0].address], "attachments": files}
        return _json(f"{base}/emails", headers, body)
    return _json(f"{base}/emails/batch", headers, [{**usual, "to": [each.address]} for each in recipients])


def _ses(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    region = provider.text("region")
    if not re.fullmatch(r"[a-z0-9-]{1,32}", region):
        raise ValueError("the region of the provider is none")
    body = msgspec.json.encode(
        {
            "Content": {"Raw": {"Data": _encoded(mime_of(provider, letter).as_bytes())}},
            "Destination": {"BccAddresses": [each.address for each in recipients]},
        }
    )
    url = f"{base}/v2/email/outbound-emails"
    headers = [("Content-Type", "application/json")]
    keys = provider.text("accessKey"), provider.text("secretKey")
    return HttpCall(url, aws_headers(url, headers, body, *keys, region, "ses"), body)


def _twilio(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    account = provider.text("accountSid")
    fields = {"Body": letter.text("content"), "From": provider.text("from"), "To": recipients[0].address}
    url = f"{base}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
    return _form(url, [_basic(account, provider.text("authToken"))], fields)


def _vonage(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    fields = {
        "text": letter.text("content"),
        "from": provider.text("from"),
        "to": recipients[0].address.removeprefix("+"),
        "api_key": provider.text("apiKey"),
        "api_secret": provider.text("apiSecret"),
        "type": "text" if letter.text("content").isascii() else "unicode",
    }
    return _form(f"{base}/sms/json", [], fields)


def _vonage_problem(answer: Any) -> str:
    told = answer["messages"][0]
    # 1 is what it says to somebody who calls too often.
    words = "rate limit: " if told["status"] == "1" else ""
    return "" if told["status"] == "0" else f"{words}{told.get('error-text') or told['status']}"


def _telesign(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    fields = {
        "phone_number": recipients[0].address.removeprefix("+"),
        "message": letter.text("content"),
        "message_type": "ARN",
        "sender_id": provider.text("from"),
    }
    headers = [_basic(provider.text("customerId"), provider.text("apiKey"))]
    return _form(f"{base}/v1/messaging", headers, fields)


def _textmagic(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    fields = {
        "text": letter.text("content"),
        "from": provider.text("from").removeprefix("+"),
        "phones": recipients[0].address.removeprefix("+"),
    }
    headers = [("X-TM-Username", provider.text("username")), ("X-TM-Key", provider.text("apiKey"))]
    return _form(f"{base}/api/v2/messages", headers, fields)


def _msg91(base: str, provider: Provider, letter: Letter, recipients: Sequence[Recipient]) -> HttpCall:
    body = {
        "sender": provider.text("senderId"),
        "template_id": provider.text("templateId"),
        "recipients": [
            {"mobiles": each.address.removeprefix("+"), "content": letter.text("content")}
            for each in recipients
        ],
    }
    return _json(f"{base}/api/v5/flow/", [("authkey", provider.text("authKey"))], body)


def _msg91_problem(answer: Any) -> str:
    return "" if answer["type"] == "success" else str(answer["message"])


HTTP_PROVIDERS: Final[Mapping[str, HttpProvider]] = {
    "mailgun": HttpProvider("https://api.mailgun.net", _mailgun, 100),
    "sendgrid": HttpProvider("https://api.sendgrid.com", _sendgrid, 100),
    "resend": HttpProvider("https://api.resend.com", _resend, 100, with_files=1),
    "ses": HttpProvider("https://email.{region}.amazonaws.com", _ses, 50),
    "twilio": HttpProvider("https://api.twilio.com", _twilio),
    "vonage": HttpProvider("https://rest.nexmo.com", _vonage, problem=_vonage_problem),
    "telesign": HttpProvider("https://rest-api.telesign.com", _telesign),
    "textmagic": HttpProvider("https://rest.textmagic.com", _textmagic),
    "msg91": HttpProvider("https://control.msg91.com", _msg91, 100, problem=_msg91_problem),
}
"""The kinds that are called by HTTP, push services aside."""

MAILGUN_EU: Final = "https://api.eu.mailgun.net"


def words_of(answer: HttpAnswer) -> str:
    """What an answer says, in one line: the sentence in its JSON, or the text as it is."""
    try:
        said = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return answer.body[:300].decode(errors="replace")
    for name in ("message", "error", "errors", "detail"):
        if isinstance(said, dict) and said.get(name):
            found = said[name]
            while isinstance(found, list) and found:
                found = found[0]
            if isinstance(found, dict):
                found = found.get("message") or found.get("title") or found
            return str(found)
    return ""
