"""Messages of each kind: made and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.errors import TidewireError
from tidewire.core.models import Message
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.functions.runnables import endpoint_of
from tidewire.services.messaging import operations
from tidewire.services.messaging.events import MESSAGE_CREATED, MESSAGE_UPDATED
from tidewire.services.messaging.messages import create_message, update_message
from tidewire.services.messaging.parameters import (
    At,
    Badge,
    Content,
    Data,
    File,
    Files,
    Ids,
    Priority,
    Subject,
    Switch,
    Word,
)
from tidewire.services.storage.records import file_not_found, find_bucket
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.file_tokens import insert_token
from tidewire.store.records.messages import find_message
from tidewire.store.records.stored_files import find_file
from tidewire.store.secrets.credentials import FileTokenClaims, encode_file_token

_MESSAGES: Final = "/messaging/messages"
_WRITE: Final = ("messages.write",)
_PICTURE_MS: Final = 15 * 24 * 3600 * 1000
"""Milliseconds after the time of a message in which devices may read its picture."""
_PICTURES: Final = frozenset({"image/png", "image/jpeg"})


@operations.write(
    "createEmail", "POST", f"{_MESSAGES}/email", scopes=_WRITE, status=201, event=MESSAGE_CREATED
)
def create_email(
    transaction: Transaction,
    context: Context,
    message_id: CustomId,
    subject: Subject,
    content: Content,
    topics: Ids = (),
    users: Ids = (),
    targets: Ids = (),
    cc: Ids = (),
    bcc: Ids = (),
    attachments: Files = (),
    draft: Switch = False,
    html: Switch = False,
    scheduled_at: At | None = None,
) -> Message:
    """Send a mail to many people, now or later."""
    data = {
        "subject": subject,
        "content": content,
        "html": html,
        "cc": list(cc),
        "bcc": list(bcc),
        "attachments": _attached(transaction.connection, context, attachments),
    }
    to = {"topics": topics, "users": users, "targets": targets}
    return create_message(transaction, context, "email", message_id, to, data, draft, scheduled_at)


@operations.write(
    "updateEmail", "PATCH", f"{_MESSAGES}/email/{{messageId}}", scopes=_WRITE, event=MESSAGE_UPDATED
)
def update_email(
    transaction: Transaction,
    context: Context,
    message_id: ResourceId,
    topics: Ids | None = None,
    users: Ids | None = None,
    targets: Ids | None = None,
    subject: Subject | None = None,
    content: Content | None = None,
    draft: Switch | None = None,
    html: Switch | None = None,
    cc: Ids | None = None,
    bcc: Ids | None = None,
    scheduled_at: At | None = None,
    attachments: Files | None = None,
) -> Message:
    """Change a mail that is a draft or scheduled; without `draft` and `scheduledAt` it stays what it is."""
    attached = None if attachments is None else _attached(transaction.connection, context, attachments)
    data = {
        "subject": subject,
        "content": content,
        "html": html,
        "cc": None if cc is None else list(cc),
        "bcc": None if bcc is None else list(bcc),
        "attachments": attached,
    }
    to = {"topics": topics, "users": users, "targets": targets}
    return update_message(transaction, context, "email", message_id, to, data, draft, scheduled_at)


@operations.write("createSMS", "POST", f"{_MESSAGES}/sms", scopes=_WRITE, status=201, event=MESSAGE_CREATED)
def create_sms(
    transaction: Transaction,
    context: Context,
    message_id: CustomId,
    content: Content,
    topics: Ids = (),
    users: Ids = (),
    targets: Ids = (),
    draft: Switch = False,
    scheduled_at: At | None = None,
) -> Message:
    """Send a text message to many people, now or later."""
    to = {"topics": topics, "users": users, "targets": targets}
    return create_message(
        transaction, context, "sms", message_id, to, {"content": content}, draft, scheduled_at
    )


@operations.write(
    "updateSMS", "PATCH", f"{_MESSAGES}/sms/{{messageId}}", scopes=_WRITE, event=MESSAGE_UPDATED
)
def update_sms(
    transaction: Transaction,
    context: Context,
    message_id: ResourceId,
    topics: Ids | None = None,
    users: Ids | None = None,
    targets: Ids | None = None,
    content: Content | None = None,
    draft: Switch | None = None,
    scheduled_at: At | None = None,
) -> Message:
    """Change a text message that is a draft or scheduled."""
    to = {"topics": topics, "users": users, "targets": targets}
    return update_message(
        transaction, context, "sms", message_id, to, {"content": content}, draft, scheduled_at
    )


@operations.write("createPush", "POST", f"{_MESSAGES}/push", scopes=_WRITE, status=201, event=MESSAGE_CREATED)
def create_push(
    transaction: Transaction,
    context: Context,
    message_id: CustomId,
    title: Word = "",
    body: Content = "",
    topics: Ids = (),
    users: Ids = (),
    targets: Ids = (),
    data: Data | None = None,
    action: Word = "",
    image: File = "",
    icon: Word = "",
    sound: Word = "",
    color: Word = "",
    tag: Word = "",
    badge: Badge = -1,
    draft: Switch = False,
    scheduled_at: At | None = None,
    content_available: Switch = False,
    critical: Switch = False,
    priority: Priority = "high",
) -> Message:
    """Send a push message to many devices, now or later."""
    given: dict[str, Any] = {
        "title": title,
        "body": body,
        "data": data,
        "action": action,
        "image": _picture(transaction, context, image, scheduled_at) if image else None,
        "icon": icon,
        "sound": sound,
        "color": color,
        "tag": tag,
        "badge": badge if badge >= 0 else None,
        "contentAvailable": content_available or None,
        "critical": critical or None,
        "priority": priority,
    }
    known = {name: value for name, value in given.items() if value not in (None, "")}
    to = {"topics": topics, "users": users, "targets": targets}
    return create_message(transaction, context, "push", message_id, to, known, draft, scheduled_at)


@operations.write(
    "updatePush", "PATCH", f"{_MESSAGES}/push/{{messageId}}", scopes=_WRITE, event=MESSAGE_UPDATED
)
def update_push(
    transaction: Transaction,
    context: Context,
    message_id: ResourceId,
    topics: Ids | None = None,
    users: Ids | None = None,
    targets: Ids | None = None,
    title: Word | None = None,
    body: Content | None = None,
    data: Data | None = None,
    action: Word | None = None,
    image: File | None = None,
    icon: Word | None = None,
    sound: Word | None = None,
    color: Word | None = None,
    tag: Word | None = None,
    badge: Badge | None = None,
    draft: Switch | None = None,
    scheduled_at: At | None = None,
    content_available: Switch | None = None,
    critical: Switch | None = None,
    priority: Priority | None = None,
) -> Message:
    """Change a push message that is a draft or scheduled; its picture is readable after its new time too."""
    picture: Mapping[str, str] | None = None
    if image is not None:
        picture = _picture(transaction, context, image, scheduled_at)
    elif draft is not None or scheduled_at is not None:
        picture = _picture_at_another_time(transaction, context, message_id, scheduled_at)
    given: Mapping[str, Any] = {
        "title": title,
        "body": body,
        "data": data,
        "action": action,
        "image": picture,
        "icon": icon,
        "sound": sound,
        "color": color,
        "tag": tag,
        "badge": badge,
        "contentAvailable": content_available,
        "critical": critical,
        "priority": priority,
    }
    to = {"topics": topics, "users": users, "targets": targets}
    return update_message(transaction, context, "push", message_id, to, given, draft, scheduled_at)


def _attached(
    connection: Connection, context: Context, places: Sequence[tuple[str, str]]
) -> list[dict[str, str]]:
    """Attachments as they are kept; raises if one of the files is not there, or all are too large."""
    size = 0
    for bucket_id, file_id in places:
        size += _file(connection, context, bucket_id, file_id).size
    most = context.settings.messaging_attachments_max_bytes
    if size > most:
        raise TidewireError(
            "general_argument_invalid", f"Invalid `attachments` param: Files may have {most} bytes together."
        )
    return [{"bucketId": bucket_id, "fileId": file_id} for bucket_id, file_id in places]


def _picture(
    transaction: Transaction, context: Context, place: tuple[str, str], scheduled_at: int | None
) -> dict[str, str]:
    """The picture as it is kept: with an address at which devices read it, for a while, by a file token."""
    bucket_id, file_id = place
    file = _file(transaction.connection, context, bucket_id, file_id)
    if file.mime_type not in _PICTURES:
        raise TidewireError(
            "storage_file_type_unsupported", f"The picture is {file.mime_type}, not PNG or JPEG."
        )
    expires = (scheduled_at or now()) + _PICTURE_MS
    row = insert_token(transaction.connection, file, expires)
    claims = FileTokenClaims(context.project.id, bucket_id, file_id, row.id)
    token = encode_file_token(claims, row.created_at, expires, context.jwt_secret)
    path = f"/storage/buckets/{bucket_id}/files/{file_id}/view"
    url = (
        f"{endpoint_of(context.settings)}{path}?{urlencode({'project': context.project.id, 'token': token})}"
    )
    return {"bucketId": bucket_id, "fileId": file_id, "url": url}


def _picture_at_another_time(
    transaction: Transaction, context: Context, message_id: str, scheduled_at: int | None
) -> dict[str, str] | None:
    """The picture that a message has, readable after its new time; None: it has none, or the file is gone."""
    kept = find_message(transaction.connection, message_id).data.get("image")
    if kept is None:
        return None
    try:
        return _picture(transaction, context, (kept["bucketId"], kept["fileId"]), scheduled_at)
    except TidewireError:
        return None


def _file(connection: Connection, context: Context, bucket_id: str, file_id: str) -> Row[Any]:
    bucket = find_bucket(connection, context.caller, bucket_id)
    file = find_file(connection, bucket, file_id)
    if file is None:
        raise file_not_found()
    return file
