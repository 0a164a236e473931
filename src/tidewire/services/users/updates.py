"""Changes that servers make to users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.addresses import Email, Phone
from tidewire.core.checks.lists import Items, JsonObject
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Alphanumeric, OrEmpty, Password, Text
from tidewire.core.models import Preferences, User
from tidewire.core.time import now
from tidewire.services.account.events import (
    EMAIL_UPDATED,
    IMPERSONATOR_UPDATED,
    LABELS_UPDATED,
    NAME_UPDATED,
    PASSWORD_UPDATED,
    PHONE_UPDATED,
    PREFERENCES_UPDATED,
    STATUS_UPDATED,
    VERIFICATION_UPDATED,
)
from tidewire.services.account.sign_in import end_other_sessions
from tidewire.services.context import Context
from tidewire.services.password_policy import accepted_hash, password_columns
from tidewire.services.users import operations
from tidewire.services.users.records import change
from tidewire.store.engine.database import Transaction
from tidewire.store.records.tokens import RECOVERY, SENT_BY_MAIL, SENT_BY_PHONE, delete_tokens
from tidewire.store.records.user_identities import require_no_identity
from tidewire.store.records.users import find_user

StrictBoolean = Annotated[bool, TrueOrFalse()]

_WRITE: Final = ("users.write",)
_NO_PASSWORD: Final[dict[str, Any]] = {"password_hash": None, "hash": "", "hash_options": {}}


@operations.write("updateName", "PATCH", "/users/{userId}/name", scopes=_WRITE, event=NAME_UPDATED)
def update_name(
    transaction: Transaction, context: Context, user_id: ResourceId, name: Annotated[str, Text(0, 128)]
) -> User:
    """Change the name of a user; an empty one removes it."""
    return change(transaction, context, user_id, NAME_UPDATED, name=name)


@operations.write(
    "updatePrefs",
    "PATCH",
    "/users/{userId}/prefs",
    scopes=_WRITE,
    model=Preferences,
    event=PREFERENCES_UPDATED,
)
def update_prefs(
    transaction: Transaction,
    context: Context,
    user_id: ResourceId,
    prefs: Annotated[dict[str, Any], JsonObject(65535)],
) -> dict[str, Any]:
    """Replace the preferences of a user."""
    return change(transaction, context, user_id, PREFERENCES_UPDATED, prefs=prefs).prefs


@operations.write("updateStatus", "PATCH", "/users/{userId}/status", scopes=_WRITE, event=STATUS_UPDATED)
def update_status(transaction: Transaction, context: Context, user_id: ResourceId, status: Boolean) -> User:
    """Block a user (false) or let them in again (true)."""
    return change(transaction, context, user_id, STATUS_UPDATED, status=status)


@operations.write("updateLabels", "PUT", "/users/{userId}/labels", scopes=_WRITE, event=LABELS_UPDATED)
def update_labels(
    transaction: Transaction,
    context: Context,
    user_id: ResourceId,
    labels: Annotated[Sequence[str], Items(Alphanumeric(1, 36), 1000)],
) -> User:
    """Replace the labels of a user, each of which is a role that permissions can be granted to."""
    return change(transaction, context, user_id, LABELS_UPDATED, labels=list(dict.fromkeys(labels)))


@operations.write(
    "updateEmailVerification",
    "PATCH",
    "/users/{userId}/verification",
    scopes=_WRITE,
    event=VERIFICATION_UPDATED,
)
def update_email_verification(
    transaction: Transaction, context: Context, user_id: ResourceId, email_verification: StrictBoolean
) -> User:
    """Say whether the e-mail address of a user is verified."""
    return change(transaction, context, user_id, VERIFICATION_UPDATED, email_verification=email_verification)


@operations.write(
    "updatePhoneVerification",
    "PATCH",
    "/users/{userId}/verification/phone",
    scopes=_WRITE,
    event=VERIFICATION_UPDATED,
)
def update_phone_verification(
    transaction: Transaction, context: Context, user_id: ResourceId, phone_verification: StrictBoolean
) -> User:
    """Say whether the phone number of a user is verified."""
    return change(transaction, context, user_id, VERIFICATION_UPDATED, phone_verification=phone_verification)


@operations.write(
    "updateImpersonator", "PATCH", "/users/{userId}/impersonator", scopes=_WRITE, event=IMPERSONATOR_UPDATED
)
def update_impersonator(
    transaction: Transaction, context: Context, user_id: ResourceId, impersonator: Boolean
) -> User:
    """Let a user act as other users, or no longer."""
    return change(transaction, context, user_id, IMPERSONATOR_UPDATED, impersonator=impersonator)


@operations.write("updateEmail", "PATCH", "/users/{userId}/email", scopes=_WRITE, event=EMAIL_UPDATED)
def update_email(
    transaction: Transaction,
    context: Context,
    user_id: ResourceId,
    email: Annotated[str, OrEmpty(Email())],
) -> User:
    """Change the e-mail address of a user, which is then not verified; an empty one removes it."""
    address = email.lower()
    if address:
        require_no_identity(transaction.connection, address, user_id)
    delete_tokens(transaction.connection, user_id, SENT_BY_MAIL)
    values = {"email": address or None, "email_verification": False}
    return change(transaction, context, user_id, EMAIL_UPDATED, **values)


@operations.write("updatePhone", "PATCH", "/users/{userId}/phone", scopes=_WRITE, event=PHONE_UPDATED)
def update_phone(
    transaction: Transaction,
    context: Context,
    user_id: ResourceId,
    number: Annotated[str, OrEmpty(Phone())],
) -> User:
    """Change the phone number of a user, which is then not verified; an empty one removes it."""
    delete_tokens(transaction.connection, user_id, SENT_BY_PHONE)
    values = {"phone": number or None, "phone_verification": False}
    return change(transaction, context, user_id, PHONE_UPDATED, **values)


@operations.declare(
    "updatePassword", "PATCH", "/users/{userId}/password", scopes=_WRITE, event=PASSWORD_UPDATED
)
async def update_password(
    context: Context, user_id: ResourceId, password: Annotated[str, OrEmpty(Password(8, 256))]
) -> User:
    """Set a user's password; an empty one removes it.

    All sessions of the user end unless the project lets them go on.
    """
    settings = context.project.settings
    user = await context.database.read(lambda connection: find_user(connection, user_id))
    new_hash = await accepted_hash(context, user, password) if password else ""

    def unit(transaction: Transaction) -> User:
        current = find_user(transaction.connection, user_id)
        delete_tokens(transaction.connection, user_id, RECOVERY)
        if new_hash:
            columns = password_columns(settings, new_hash, current.password_history)
        else:
            columns = _NO_PASSWORD | {"password_updated_at": now()}
        changed = change(transaction, context, user_id, PASSWORD_UPDATED, **columns)
        if settings.session_invalidation:  # after the event, which the sessions that end hear too
            end_other_sessions(transaction, context, user_id, kept="")
        return changed

    return await context.database.write(unit)
