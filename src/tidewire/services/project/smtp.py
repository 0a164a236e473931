"""The mail server of the project: its settings, and a mail that shows whether they work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from tidewire.core.checks.addresses import Email, Hostname
from tidewire.core.checks.lists import Items
from tidewire.core.checks.numbers import Int32, TrueOrFalse
from tidewire.core.checks.texts import Choice, HeaderText, OrEmpty, Secret, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Project
from tidewire.core.project_settings import ProjectSettings, SmtpSettings
from tidewire.outbound.guard import ForbiddenAddressError, guard_of
from tidewire.outbound.smtp import MailServerError, server_of_project, try_server
from tidewire.services.context import Context
from tidewire.services.messages.notices import smtp_test_mail
from tidewire.services.outgoing import enqueue_mail
from tidewire.services.project import operations
from tidewire.services.project.records import change_settings, managed_project, project_of
from tidewire.store.engine.database import Transaction

MAX_TEST_MAILS: Final = 10


@dataclass(frozen=True)
class Security(Choice):
    """How the connection is protected; empty, as older clients say it, for not at all."""

    def convert(self, value: object) -> str:
        return "" if value == "" else super().convert(value)


Host = Annotated[str, Hostname(wildcards=False)]
Port = Annotated[int, Int32()]
Name = Annotated[str, HeaderText(0, 256)]
Address = Annotated[str, OrEmpty(Email())]
Secure = Annotated[str, Security(("tls", "ssl"))]


@operations.declare(
    "updateSMTP", "PATCH", "/project/smtp", aliases=("/projects/{projectId}/smtp",), scopes=("project.write",)
)
async def update_smtp(
    context: Context,
    host: Host | None = None,
    port: Port | None = None,
    username: Annotated[str, Text(0, 256)] | None = None,
    password: Annotated[str, Secret(0, 256)] | None = None,
    sender_email: Address | None = None,
    sender_name: Name | None = None,
    reply_to_email: Address | None = None,
    reply_to_name: Name | None = None,
    secure: Secure | None = None,
    enabled: Annotated[bool, TrueOrFalse()] | None = None,
) -> Project:
    """Change the mail settings of the project; what is not given stays, what is empty goes.

    The server is tried out unless ``enabled`` is false. Without ``enabled`` it is used from then on if it
    works, and stays unused if it was before; one that is to be used, or is in use, must work.
    """
    if host == "":
        raise TidewireError("general_argument_invalid", "Invalid `host` param: Value must not be empty.")
    _check_host(context, host)
    given = {
        "host": host,
        "port": port,
        "username": username,
        "password": password and context.encryption.seal(password),
        "sender_email": sender_email,
        "sender_name": sender_name,
        "reply_to_email": reply_to_email,
        "reply_to_name": reply_to_name,
        "secure": secure,
        "enabled": enabled,
    }
    before = managed_project(context).settings.smtp
    wanted = _merged(before, given)
    if wanted.enabled:
        _require_complete(wanted)
    if enabled is not False and wanted.host and wanted.port and wanted.sender_email:
        works = await _works(context, wanted, required=wanted.enabled)
        wanted = msgspec.structs.replace(wanted, enabled=works)

    def change(settings: ProjectSettings) -> ProjectSettings:
        if settings.smtp != before:
            raise _unusable("somebody else changed the settings meanwhile; try again")
        return msgspec.structs.replace(settings, smtp=wanted)

    return project_of(await change_settings(context, change))


@operations.declare(
    "createSMTPTest",
    "POST",
    "/project/smtp/tests",
    aliases=("/projects/{projectId}/smtp/tests",),
    scopes=("project.write",),
)
async def create_smtp_test(
    context: Context,
    emails: Annotated[Sequence[str], Items(Email(), MAX_TEST_MAILS)],
    sender_name: Annotated[str, HeaderText(1, 256)] = "",
    sender_email: Annotated[str, Email()] = "",
    reply_to: Annotated[str, Email()] = "",
    host: Host = "",
    port: Port | None = None,
    username: Annotated[str, Text(1, 256)] = "",
    password: Annotated[str, Secret(1, 256)] = "",
    secure: Secure = "",
) -> None:
    """Send a mail to each address with the project's mail settings, or with those that are given."""
    _check_host(context, host)
    given = {
        "host": host,
        "port": port,
        "username": username,
        "password": password and context.encryption.seal(password),
        "sender_email": sender_email,
        "sender_name": sender_name,
        "reply_to_email": reply_to,
        "secure": secure,
    }
    project = managed_project(context)
    smtp = _merged(SmtpSettings(), {**given, "enabled": True}) if host else project.settings.smtp
    if not smtp.enabled:
        raise TidewireError("general_argument_invalid", "The project has no mail server: set one up first.")
    _require_complete(smtp)
    # Later changes of the project's settings must not change what this test is about.
    sender = msgspec.to_builtins(smtp)
    mail = smtp_test_mail(project.name, smtp.sender_email, smtp.host)

    def unit(transaction: Transaction) -> None:
        for address in dict.fromkeys(emails):
            enqueue_mail(transaction, address, "", mail, sender)

    await context.database.write(unit)


def _check_host(context: Context, host: str | None) -> None:
    """Refuse a host that can be seen to be internal; what its name leads to is looked at on delivery."""
    try:
        if host:
            guard_of(context.settings).check(host)
    except ForbiddenAddressError as error:
        raise TidewireError("general_argument_invalid", f"Invalid `host` param: {error}.") from None


def _merged(smtp: SmtpSettings, given: dict[str, Any]) -> SmtpSettings:
    """The settings with what is given."""
    changes = {name: value for name, value in given.items() if value is not None}
    merged = msgspec.structs.replace(smtp, **changes)
    if not 0 <= merged.port < 65536:
        raise TidewireError("project_smtp_config_invalid", "The port must be between 1 and 65535.")
    return merged


def _require_complete(smtp: SmtpSettings) -> None:
    """Refuse settings with which no mail can be sent."""
    for name, value in (("host", smtp.host), ("port", smtp.port), ("senderEmail", smtp.sender_email)):
        if not value:
            raise TidewireError("general_argument_invalid", f'Param "{name}" is not optional.')


async def _works(context: Context, smtp: SmtpSettings, *, required: bool) -> bool:
    """Whether the server takes mails with these settings; if it is ``required``, it is an error if not."""
    password = context.encryption.open(smtp.password) if smtp.password else ""
    server = server_of_project(msgspec.structs.replace(smtp, password=password), guard_of(context.settings))
    try:
        await try_server(server, context.settings.hostnames[0])
    except MailServerError as error:
        if required:
            raise _unusable(str(error)) from None
        return False
    return True


def _unusable(reason: str) -> TidewireError:
    return TidewireError("project_smtp_config_invalid", f"The mail server cannot be used: {reason}.")
