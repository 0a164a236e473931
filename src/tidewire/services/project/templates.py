"""Templates of the project's mails: they replace the built-in texts, one for each kind of mail and locale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from tidewire.core.checks.addresses import Email
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import HeaderText, OrEmpty, Text
from tidewire.core.email_templates import MailTemplate
from tidewire.core.errors import TidewireError
from tidewire.core.locales import DEFAULT_LOCALE
from tidewire.core.models import EmailTemplate, EmailTemplateList
from tidewire.services.context import Context
from tidewire.services.email_templates import KindOfMail, Locale, built_in, shown_template
from tidewire.services.paging import limit_and_offset
from tidewire.services.project import operations
from tidewire.services.project.records import managed_project
from tidewire.services.publishing import publish
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.email_templates import (
    email_templates_size,
    find_email_template,
    list_email_templates,
    mail_template,
    put_email_template,
)

TEMPLATE_UPDATED: Final = "templates.[templateId].update"
_ONE: Final = ("/projects/{projectId}/templates/email/{templateId}/{locale}",)
_ALL: Final = ("/projects/{projectId}/templates/email", *_ONE)

Name = Annotated[str, HeaderText(0, 255)]
Address = Annotated[str, OrEmpty(Email())]


@operations.read("listEmailTemplates", "GET", "/project/templates/email", scopes=("templates.read",))
def list_templates(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList((), ("limit", "offset"))] = (),
    total: Boolean = True,
) -> EmailTemplateList:
    """List the templates that replace built-in ones."""
    managed_project(context)
    known, rows = list_email_templates(connection, *limit_and_offset(queries))
    shown = [shown_template(row.template_id, row.locale, mail_template(row)) for row in rows]
    return EmailTemplateList(total=known if total else 0, templates=shown)


@operations.read(
    "getEmailTemplate",
    "GET",
    "/project/templates/email/{templateId}",
    aliases=_ONE,
    scopes=("templates.read",),
)
def get_template(
    connection: Connection, context: Context, template_id: KindOfMail, locale: Locale = ""
) -> EmailTemplate:
    """Get the template for a kind of mail in a locale; the built-in one if it was not replaced."""
    managed_project(context)
    locale = locale or DEFAULT_LOCALE
    template = find_email_template(connection, template_id, locale)
    return shown_template(template_id, locale, template) if template else built_in(template_id, locale)


@operations.write(
    "updateEmailTemplate",
    "PATCH",
    "/project/templates/email",
    aliases=_ALL,
    scopes=("templates.write",),
    event=TEMPLATE_UPDATED,
)
def update_template(
    transaction: Transaction,
    context: Context,
    template_id: KindOfMail,
    locale: Locale = "",
    subject: Annotated[str, HeaderText(1, 255)] | None = None,
    message: Annotated[str, Text(1, 10485760)] | None = None,
    sender_name: Name | None = None,
    sender_email: Address | None = None,
    reply_to_email: Address | None = None,
    reply_to_name: Name | None = None,
) -> EmailTemplate:
    """Replace what is given of the template for a kind of mail in a locale; what is empty goes."""
    if not managed_project(context).settings.smtp.enabled:
        raise TidewireError(
            "general_argument_invalid",
            "Templates need an SMTP server of the project, and it has none enabled: set one up first.",
        )
    given = {
        "subject": subject,
        "message": message,
        "sender_name": sender_name,
        "sender_email": sender_email,
        "reply_to_email": reply_to_email,
        "reply_to_name": reply_to_name,
    }
    connection, locale = transaction.connection, locale or DEFAULT_LOCALE
    before = find_email_template(connection, template_id, locale)
    template = before or MailTemplate(subject="", message="")
    changes = {name: value for name, value in given.items() if value is not None}
    template = msgspec.structs.replace(template, **changes)
    for name in ("subject", "message"):
        if not getattr(template, name):
            raise TidewireError("general_argument_invalid", f'Param "{name}" is not optional.')
    _require_room(connection, context.settings, template, before)
    put_email_template(connection, template_id, locale, template)
    shown = shown_template(template_id, locale, template)
    publish(transaction, context, TEMPLATE_UPDATED, {"templateId": template_id}, shown)
    return shown


def _require_room(
    connection: Connection, settings: Settings, template: MailTemplate, before: MailTemplate | None
) -> None:
    size = len(template.message.encode())
    others = email_templates_size(connection) - (len(before.message.encode()) if before else 0)
    for limit, bytes_, what in (
        (settings.email_template_max_bytes, size, "A mail template has"),
        (settings.email_templates_max_bytes, size + others, "The mail templates of a project have"),
    ):
        if bytes_ > limit:
            message = f"Invalid `message` param: {what} at most {limit} bytes; make it shorter."
            raise TidewireError("general_argument_invalid", message)
