"""Creating users, with a password in clear or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from tidewire.core.checks.addresses import EmailAddress, PhoneNumber
from tidewire.core.checks.names import CustomId
from tidewire.core.checks.texts import Password, Text
from tidewire.core.models import User
from tidewire.services.account.records import chosen_id, insert_user
from tidewire.services.context import Context
from tidewire.services.password_policy import PersonalData, password_columns, require_acceptable
from tidewire.services.publishing import publish
from tidewire.services.users import operations
from tidewire.services.users.events import USER_CREATED
from tidewire.services.users.records import find_shown_user, require_no_identity
from tidewire.store.engine.database import Transaction

Name = Annotated[str, Text(1, 128)]


@operations.declare("create", "POST", "/users", scopes=("users.write",), status=201, event=USER_CREATED)
async def create(
    context: Context,
    user_id: CustomId,
    email: EmailAddress | None = None,
    phone: PhoneNumber | None = None,
    password: Annotated[str, Password(8, 256)] = "",
    name: Name = "",
) -> User:
    """Create a user, who can be without address, number and password."""
    columns = None
    if password:
        settings = context.project.settings
        personal = PersonalData(user_id, name, (email or "").lower(), phone or "")
        await require_acceptable(settings, password, personal)
        columns = password_columns(settings, await context.passwords.hash(password), [])
    return await create_user(context, user_id, name=name, email=email, phone=phone, password=columns)


async def create_user(
    context: Context,
    user_id: str,
    *,
    name: str,
    email: str | None,
    phone: str | None = None,
    password: Mapping[str, Any] | None,
) -> User:
    """Add a user and tell of it; ``password`` holds the columns of a password.

    Raises ``user_already_exists`` or ``user_email_already_exists``.
    """
    new_id = chosen_id(user_id)
    address = email.lower() if email else None

    def unit(transaction: Transaction) -> User:
        connection = transaction.connection
        if address:
            require_no_identity(connection, address)
        account = insert_user(connection, new_id, name=name, email=address, phone=phone, password=password)
        publish(transaction, context, USER_CREATED, {"userId": new_id}, account)
        return find_shown_user(connection, context.caller, new_id)

    return await context.database.write(unit)
