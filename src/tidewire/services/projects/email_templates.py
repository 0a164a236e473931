"""Templates of mails given up, as older clients do it."""

from __future__ import annotations

from tidewire.core.checks.names import ResourceId
from tidewire.core.locales import DEFAULT_LOCALE
from tidewire.services.context import Context
from tidewire.services.email_templates import KindOfMail, Locale
from tidewire.services.projects import operations
from tidewire.services.projects.access import find_accessible_project
from tidewire.store.records.email_templates import delete_email_template
from tidewire.store.records.projects import project_not_found


@operations.declare(
    "deleteEmailTemplateLegacy",
    "DELETE",
    "/projects/{projectId}/templates/email",
    aliases=("/projects/{projectId}/templates/email/{type}/{locale}",),
    scopes=("projects.write",),
)
async def delete_email_template_legacy(
    context: Context,
    project_id: ResourceId,
    type: KindOfMail,  # noqa: A002 - the word on the wire
    locale: Locale = "",
) -> None:
    """Go back to the built-in texts of a kind of mail in a locale; they may be in use already."""
    project = await find_accessible_project(context, project_id, "projects.write")
    store = await context.instance.project(project.id)
    if store is None:
        raise project_not_found()
    await store.database.write(
        lambda transaction: delete_email_template(transaction.connection, type, locale or DEFAULT_LOCALE)
    )
