"""Changes that users make to their own accounts."""

from __future__ import annotations

from typing import Annotated, Any

from tidewire.core.checks.addresses import EmailAddress, PhoneNumber
from tidewire.core.checks.lists import JsonObject
from tidewire.core.checks.texts import Password, Secret, Text
from tidewire.core.models import Account, Preferences
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations, signed_in
from tidewire.services.account.credentials import require_password, require_unchanged
from tidewire.services.account.events import (
    EMAIL_UPDATED,
    NAME_UPDATED,
    PASSWORD_UPDATED,
    PHONE_UPDATED,
    PREFERENCES_UPDATED,
    STATUS_UPDATED,
)
from tidewire.services.account.sign_in import end_other_sessions
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.password_policy import (
    PersonalData,
    accepted_hash,
    password_columns,
    require_acceptable,
)
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.tokens import RECOVERY, SENT_BY_MAIL, SENT_BY_PHONE, delete_tokens
from tidewire.store.records.users import change_user, find_user


@operations.declare("getPrefs", "GET", "/account/prefs", scopes=("account",), model=Preferences)
async def get_prefs(context: Context) -> dict[str, Any]:
    """Get the preferences of the signed-in user."""
    return signed_in(context).account.prefs


@operations.audited("updatePrefs", "PATCH", "/account/prefs", scopes=("account",), event=PREFERENCES_UPDATED)
def update_prefs(
    transaction: Transaction,
    context: Context,
    visit: Visit,
    prefs: Annotated[dict[str, Any], JsonObject(65535)],
) -> Account:
    """Replace the preferences of the signed-in user."""
    return _change(transaction, context, visit, PREFERENCES_UPDATED, prefs=prefs)


@operations.audited("updateName", "PATCH", "/account/name", scopes=("account",), event=NAME_UPDATED)
def update_name(
    transaction: Transaction, context: Context, visit: Visit, name: Annotated[str, Text(1, 128)]
) -> Account:
    """Change the name of the signed-in user."""
    return _change(transaction, context, visit, NAME_UPDATED, name=name)


@operations.declare("updateEmail", "PATCH", "/account/email", scopes=("account",), event=EMAIL_UPDATED)
async def update_email(
    context: Context, email: EmailAddress, password: Annotated[str, Password(8, 256)]
) -> Account:
    """Change the e-mail address, which then has to be verified anew.

    A user without a password gets ``password``: so an anonymous user becomes one who can sign in.
    """
    return await _change_contact(context, password, email=email.lower())


@operations.declare("updatePhone", "PATCH", "/account/phone", scopes=("account",), event=PHONE_UPDATED)
async def update_phone(
    context: Context, phone: PhoneNumber, password: Annotated[str, Password(8, 256)]
) -> Account:
    """Change the phone number, which then has to be verified anew.

    A user without a password gets ``password``.
    """
    return await _change_contact(context, password, phone=phone)


@operations.declare(
    "updatePassword",
    "PATCH",
    "/account/password",
    scopes=("account",),
    event=PASSWORD_UPDATED,
    limit=RateLimit(10, 3600, ("url:{url},ip:{ip}",)),
)
async def update_password(
    context: Context,
    password: Annotated[str, Password(8, 256)],
    old_password: Annotated[str, Secret(0, 256)] = "",
) -> Account:
    """Change the password; ``old_password`` is needed if there is one.

    Other sessions end unless the project lets them go on.
    """
    identity = signed_in(context)
    settings = context.project.settings
    user = await _read_user(context)
    if user.password_hash:
        await require_password(context, user, old_password)
    new_hash = await accepted_hash(context, user, password)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Account:
        current = find_user(transaction.connection, user.id)
        require_unchanged(user, current)
        delete_tokens(transaction.connection, user.id, RECOVERY)
        columns = password_columns(settings, new_hash, current.password_history)
        account = _change(transaction, context, visit, PASSWORD_UPDATED, **columns)
        if settings.session_invalidation:  # after the event, which the sessions that end hear too
            end_other_sessions(transaction, context, user.id, identity.session_id)
        return account

    return await context.database.write(unit)


@operations.declare("updateStatus", "PATCH", "/account/status", scopes=("account",), event=STATUS_UPDATED)
async def update_status(context: Context) -> Account:
    """Block the own account: nobody can sign in to it until a server lets them again."""
    visit = await visit_of(context)
    account = await context.database.write(
        lambda transaction: _change(transaction, context, visit, STATUS_UPDATED, status=False)
    )
    context.session_ended = True
    return account


async def _read_user(context: Context) -> Row[Any]:
    user_id = signed_in(context).user_id
    return await context.database.read(lambda connection: find_user(connection, user_id))


async def _change_contact(context: Context, password: str, **contact: str) -> Account:
    """Change the ``email`` or ``phone`` of the signed-in user, who has or now gets the password."""
    [(what, value)] = contact.items()
    verified = f"{what}_verification"
    event, sent = (EMAIL_UPDATED, SENT_BY_MAIL) if what == "email" else (PHONE_UPDATED, SENT_BY_PHONE)
    user = await _read_user(context)
    values = await _proven(context, user, password, contact)
    unchanged = getattr(user, what) == value
    values |= {what: value, verified: unchanged and getattr(user, verified)}
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Account:
        require_unchanged(user, find_user(transaction.connection, user.id))
        if not unchanged:
            delete_tokens(transaction.connection, user.id, sent)
        return _change(transaction, context, visit, event, **values)

    return await context.database.write(unit)


async def _proven(context: Context, user: Row[Any], password: str, contact: dict[str, str]) -> dict[str, Any]:
    """Check the password; for a user without one return the columns that make it the password."""
    if user.password_hash:
        await require_password(context, user, password)
        return {}
    settings = context.project.settings
    known = {"email": user.email or "", "phone": user.phone or "", **contact}
    await require_acceptable(settings, password, PersonalData(user.id, user.name, **known))
    return password_columns(settings, await context.passwords.hash(password), user.password_history)


def _change(transaction: Transaction, context: Context, visit: Visit, event: str, **values: Any) -> Account:
    user_id = signed_in(context).user_id
    account = change_user(transaction.connection, user_id, **values)
    publish(transaction, context, event, {"userId": user_id}, account)
    record(transaction, user_id, "user.update", visit)
    return account
