"""Templates of mails as the API takes and shows them, for a project and for the console."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tidewire.core.checks.texts import Choice, LocaleCode
from tidewire.core.email_templates import TEMPLATE_IDS, MailTemplate, TemplateId
from tidewire.core.models import EmailTemplate
from tidewire.services.messages.languages import language_of
from tidewire.services.messages.mails import built_in_template

KindOfMail = Annotated[TemplateId, Choice(TEMPLATE_IDS)]
Locale = Annotated[str, LocaleCode()]


def shown_template(template_id: str, locale: str, template: MailTemplate) -> EmailTemplate:
    """The template as the API shows it."""
    return EmailTemplate(template_id=template_id, locale=locale, **msgspec.structs.asdict(template))


def built_in(template_id: TemplateId, locale: str) -> EmailTemplate:
    """The built-in texts of a locale, in English where there are none."""
    return shown_template(template_id, locale, built_in_template(template_id, language_of(locale)))
