"""E-mail address and phone number of a user."""

from __future__ import annotations

from typing import Annotated, Final

from tidewire.core.checks.addresses import Email, Phone
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import OrEmpty
from tidewire.core.models import User
from tidewire.services.context import Context
from tidewire.services.one_time import TokenType, delete_tokens
from tidewire.services.users import operations
from tidewire.services.users.events import EMAIL_UPDATED, PHONE_UPDATED
from tidewire.services.users.records import change_in, require_no_identity
from tidewire.store.engine.database import Transaction

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
