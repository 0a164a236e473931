"""Models of the templates of mails."""

from __future__ import annotations

from tidewire.core.models.base import Model, Page


class EmailTemplate(Model, frozen=True, kw_only=True):
    """The texts of a kind of mail in one locale, and whom it comes from."""

    template_id: str
    locale: str
    message: str
    sender_name: str
    sender_email: str
    reply_to_email: str
    reply_to_name: str
    subject: str


class EmailTemplateList(Page, frozen=True, kw_only=True):
    """A page of the templates that are not the built-in ones."""

    templates: list[EmailTemplate]
