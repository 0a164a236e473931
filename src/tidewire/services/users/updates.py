"""What servers change of a user: name, preferences, status, labels, what is verified, impersonation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from tidewire.core.checks.lists import Items, JsonObject
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Alphanumeric, Text
from tidewire.core.models import Preferences, User
from tidewire.services.context import Context
from tidewire.services.users import operations
from tidewire.services.users.events import (
    IMPERSONATOR_UPDATED,
    LABELS_UPDATED,
    NAME_UPDATED,
    PREFERENCES_UPDATED,
    STATUS_UPDATED,
    VERIFICATION_UPDATED,
)
from tidewire.services.users.records import change_and_publish

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
