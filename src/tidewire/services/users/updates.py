"""What servers change of a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import Row

from tidewire.core.checks.addresses import Email, Phone
from tidewire.core.checks.lists import Items, JsonObject
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Alphanumeric, OrEmpty, Password, Text
from tidewire.core.models import Preferences, User
from tidewire.core.time import now
from tidewire.services.account.records import find_user
from tidewire.services.account.sign_in import end_other_sessions
from tidewire.services.context import Context
from tidewire.services.one_time import TokenType, delete_tokens
from tidewire.services.password_policy import (
    PersonalData,
    password_columns,
    require_acceptable,
    require_unused,
)
from tidewire.services.users import operations
from tidewire.services.users.events import (
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
from tidewire.services.users.records import change_and_publish, change_in, require_no_identity
from tidewire.store.engine.database import Transaction

StrictBoolean = Annotated[bool, TrueOrFalse()]


@operations.declare(
    "updateName",
    "PATCH",
    "/users/{userId}/name",
    scopes=("users.write",),
    event=NAME_UPDATED,
)
async def update_name(context: Context, user_id: ResourceId, name: Annotated[str, Text(0, 128)]) -> User:
    """Change the name of a user; an empty one removes it."""
    return await change_and_publish(context, user_id, NAME_UPDATED, name=name)


@operations.declare(
    "updatePrefs",
    "PATCH",
    "/users/{userId}/prefs",
    scopes=("users.write",),
    model=Preferences,
    event=PREFERENCES_UPDATED,
)
async def update_prefs(
    context: Context, user_id: ResourceId, prefs: Annotated[dict[str, Any], JsonObject(65535)]
) -> dict[str, Any]:
    """Replace the preferences of a user."""
    return (await change_and_publish(context, user_id, PREFERENCES_UPDATED, prefs=prefs)).prefs


@operations.declare(
    "updateStatus",
    "PATCH",
    "/users/{userId}/status",
    scopes=("users.write",),
    event=STATUS_UPDATED,
)
async def update_status(context: Context, user_id: ResourceId, status: Boolean) -> User:
    """Block a user (false) or let them in again (true)."""
    return await change_and_publish(context, user_id, STATUS_UPDATED, status=status)


@operations.declare(
    "updateLabels",
    "PUT",
    "/users/{userId}/labels",
    scopes=("users.write",),
    event=LABELS_UPDATED,
)
async def update_labels(
    context: Context,
    user_id: ResourceId,
    labels: Annotated[Sequence[str], Items(Alphanumeric(1, 36), 1000)],
) -> User:
    """Replace the labels of a user, each of which is a role that permissions can be granted to."""
    return await change_and_publish(context, user_id, LABELS_UPDATED, labels=list(dict.fromkeys(labels)))


@operations.declare(
    "updateEmailVerification",
    "PATCH",
    "/users/{userId}/verification",
    scopes=("users.write",),
    event=VERIFICATION_UPDATED,
)
async def update_email_verification(
    context: Context, user_id: ResourceId, email_verification: StrictBoolean
) -> User:
    """Say whether the e-mail address of a user is verified."""
    return await change_and_publish(
        context, user_id, VERIFICATION_UPDATED, email_verification=email_verification
    )


@operations.declare(
    "updatePhoneVerification",
    "PATCH",
    "/users/{userId}/verification/phone",
    scopes=("users.write",),
    event=VERIFICATION_UPDATED,
)
async def update_phone_verification(
    context: Context, user_id: ResourceId, phone_verification: StrictBoolean
) -> User:
    """Say whether the phone number of a user is verified."""
    return await change_and_publish(
        context, user_id, VERIFICATION_UPDATED, phone_verification=phone_verification
    )


@operations.declare(
    "updateImpersonator",
    "PATCH",
    "/users/{userId}/impersonator",
    scopes=("users.write",),
    event=IMPERSONATOR_UPDATED,
)
async def update_impersonator(context: Context, user_id: ResourceId, impersonator: Boolean) -> User:
    """Let a user act as other users, or no longer."""
    return await change_and_publish(context, user_id, IMPERSONATOR_UPDATED, impersonator=impersonator)


_SENT_BY_MAIL: Final[tuple[TokenType, ...]] = ("verification", "recovery", "magic-url", "email")
_SENT_BY_PHONE: Final[tuple[TokenType, ...]] = ("phone-verification", "phone")


@operations.declare(
    "updateEmail",
    "PATCH",
    "/users/{userId}/email",
    scopes=("users.write",),
    event=EMAIL_UPDATED,
)
async def update_email(
    context: Context, user_id: ResourceId, email: Annotated[str, OrEmpty(Email())]
) -> User:
    """Change the e-mail address of a user, which is then not verified; an empty one removes it."""
    address = email.lower()

    def unit(transaction: Transaction) -> User:
        if address:
            require_no_identity(transaction.connection, address, user_id)
        delete_tokens(transaction.connection, user_id, _SENT_BY_MAIL)
        return change_in(
            transaction, context, user_id, EMAIL_UPDATED, email=address or None, email_verification=False
        )

    return await context.database.write(unit)


@operations.declare(
    "updatePhone",
    "PATCH",
    "/users/{userId}/phone",
    scopes=("users.write",),
    event=PHONE_UPDATED,
)
async def update_phone(
    context: Context, user_id: ResourceId, number: Annotated[str, OrEmpty(Phone())]
) -> User:
    """Change the phone number of a user, which is then not verified; an empty one removes it."""

    def unit(transaction: Transaction) -> User:
        delete_tokens(transaction.connection, user_id, _SENT_BY_PHONE)
        return change_in(
            transaction, context, user_id, PHONE_UPDATED, phone=number or None, phone_verification=False
        )

    return await context.database.write(unit)


_RECOVERY: Final[tuple[TokenType, ...]] = ("recovery",)


@operations.declare(
    "updatePassword",
    "PATCH",
    "/users/{userId}/password",
    scopes=("users.write",),
    event=PASSWORD_UPDATED,
)
async def update_password(
    context: Context, user_id: ResourceId, password: Annotated[str, OrEmpty(Password(8, 256))]
) -> User:
    """Set a user's password; an empty one removes it.

    All sessions of the user end unless the project lets them go on.
    """
    settings = context.project.settings
    user = await context.database.read(lambda connection: find_user(connection, user_id))
    new_hash = await _accepted(context, user, password) if password else ""

    def unit(transaction: Transaction) -> User:
        current = find_user(transaction.connection, user_id)
        delete_tokens(transaction.connection, user_id, _RECOVERY)
        if new_hash:
            columns = password_columns(settings, new_hash, current.password_history)
        else:
            columns = _NO_PASSWORD | {"password_updated_at": now()}
        changed = change_in(transaction, context, user_id, PASSWORD_UPDATED, **columns)
        if settings.session_invalidation:  # after the event, which the sessions that end hear too
            end_other_sessions(transaction, context, user_id, kept="")
        return changed

    return await context.database.write(unit)


_NO_PASSWORD: Final[dict[str, Any]] = {"password_hash": None, "hash": "", "hash_options": {}}


async def _accepted(context: Context, user: Row[Any], password: str) -> str:
    """The hash of a new password that the project accepts."""
    settings = context.project.settings
    personal = PersonalData(user.id, user.name, user.email or "", user.phone or "")
    await require_acceptable(settings, password, personal)
    await require_unused(settings, context.passwords, password, user)
    return await context.passwords.hash(password)
