"""Notifications of the console: what its people should know of their projects, for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.models import Notification, NotificationList
from tidewire.core.time import format_datetime
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.operations import ServiceOperations
from tidewire.services.pictures import download_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.records.notifications import (
    NOTIFICATIONS,
    find_notification,
    list_notifications,
    mark_read,
)

operations: Final = ServiceOperations("notifications")

_LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="132" height="24" viewBox="0 0 132 24" role="img">'
    "<title>Tidewire</title><style>{style}</style>"
    '<path d="M2 15c3-6 6-6 9 0s6 6 9 0" fill="none" stroke="#0b6bcb" stroke-width="3"/>'
    '<text x="28" y="18" font-family="sans-serif" font-size="18" font-weight="600">Tidewire</text></svg>'
)
_LIGHT: Final = "text{fill:#1f2933}"
_DARK: Final = "text{fill:#f5f7fa}"
_STYLES: Final = {
    "light": _LIGHT,
    "dark": _DARK,
    "system": f"{_LIGHT}@media(prefers-color-scheme:dark){{{_DARK}}}",
}


@operations.read("list", "GET", "/notifications", scopes=("account",))
def list_own(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(NOTIFICATIONS.attributes))] = (),
) -> NotificationList:
    """List the notifications of the signed-in user."""
    total, rows = list_notifications(connection, _reader(context), queries)
    return NotificationList(total=total, notifications=[_notification(row) for row in rows])


@operations.write("update", "PATCH", "/notifications/{notificationId}", scopes=("account",))
def update(
    transaction: Transaction,
    context: Context,
    notification_id: ResourceId,
    read: Annotated[bool, TrueOrFalse()],
) -> Notification:
    """Mark a notification of the signed-in user as read, or as unread."""
    reader = _reader(context)
    row = find_notification(transaction.connection, notification_id)
    if row is None:
        raise TidewireError("document_not_found", "There is no such notification.")
    if row.user_id != reader:
        raise TidewireError("user_unauthorized", "The notification is somebody else's.")
    return _notification(mark_read(transaction.connection, row, read=read))


@operations.declare("getLogo", "GET", "/notifications/logos/appwrite", scopes=("public",))
async def get_logo(
    context: Context,  # noqa: ARG001
    jwt: Annotated[str, Text(0, 2048)] = "",  # noqa: ARG001 - who looks at a mail is not noted
    theme: Annotated[str, AnyCaseChoice(("system", "light", "dark"))] = "system",
) -> Download:
    """Get the mark of the server."""
    content = _LOGO.format(style=_STYLES[theme]).encode()
    return download_of(content, "logo.svg", "image/svg+xml", f"tidewire-{theme}", True, 0)


def _reader(context: Context) -> str:
    """The user of the console whom the request is from."""
    if context.project.id != CONSOLE_PROJECT_ID or context.caller.identity is None:
        raise TidewireError("user_unauthorized", "People of the console are notified, nobody else.")
    return context.caller.user_id


def _notification(row: Row[Any]) -> Notification:
    return shown(
        Notification,
        row,
        resource_id=row.user_id,
        first_seen=format_datetime(row.first_seen_at) if row.first_seen_at else None,
        last_seen=format_datetime(row.last_seen_at) if row.last_seen_at else None,
    )
