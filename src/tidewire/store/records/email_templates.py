"""Templates of mails: at most one for each kind of mail and locale."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, func, insert, select, update

from tidewire.core.email_templates import MailTemplate
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import email_templates as table

_TEXTS: Final = tuple(table.c[name] for name in MailTemplate.__struct_fields__)
_SIZE: Final = select(func.sum(table.c.size))
_COUNT: Final = select(func.count()).select_from(table)


def find_email_template(connection: Connection, template_id: str, *locales: str) -> MailTemplate | None:
    """The template of the first of these locales that there is one for."""
    for locale in locales:
        found = connection.execute(select(*_TEXTS).where(*_one(template_id, locale))).one_or_none()
        if found is not None:
            return mail_template(found)
    return None


def put_email_template(connection: Connection, template_id: str, locale: str, template: MailTemplate) -> None:
    """Write a template in place of the one that there may be."""
    values = msgspec.structs.asdict(template) | {"size": len(template.message.encode())}
    changed = connection.execute(update(table).where(*_one(template_id, locale)).values(values))
    if not changed.rowcount:
        connection.execute(insert(table), {"template_id": template_id, "locale": locale, **values})


def email_templates_size(connection: Connection) -> int:
    """The bytes of the texts of all templates."""
    return connection.scalar(_SIZE) or 0


def delete_email_template(connection: Connection, template_id: str, locale: str) -> bool:
    """Delete a template; False if there is none."""
    return connection.execute(delete(table).where(*_one(template_id, locale))).rowcount > 0


def list_email_templates(connection: Connection, limit: int, offset: int) -> tuple[int, list[Row[Any]]]:
    """How many templates there are, and a page of them in the order in which they were made."""
    rows = connection.execute(select(table).order_by(table.c.sequence).limit(limit).offset(offset))
    return connection.scalar(_COUNT) or 0, list(rows)


def mail_template(row: Row[Any]) -> MailTemplate:
    """The template of a row."""
    return MailTemplate(**{name: getattr(row, name) for name in MailTemplate.__struct_fields__})


def _one(template_id: str, locale: str) -> tuple[Any, ...]:
    return table.c.template_id == template_id, table.c.locale == locale
