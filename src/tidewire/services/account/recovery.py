"""Recovery: a new password for who can read the mails of the account."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import Row

from tidewire.core.checks.addresses import EmailAddress
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Password
from tidewire.core.errors import TidewireError
from tidewire.core.models import Token
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations
from tidewire.services.account.parameters import Redirect, ShownSecret
from tidewire.services.account.records import change_user, find_user, user_by_email
from tidewire.services.account.redirects import require_redirect, secret_link
from tidewire.services.account.sign_in import end_other_sessions
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.decoys import decoy_token
from tidewire.services.messages import recovery_mail
from tidewire.services.one_time import (
    LINK_SECONDS,
    TokenType,
    delete_tokens,
    invalid_token,
    issue_token,
    new_link_secret,
    publish_token,
    token_matches,
    token_of,
    use_token,
)
from tidewire.services.outgoing import enqueue_mail
from tidewire.services.password_policy import (
    PersonalData,
    password_columns,
    require_acceptable,
    require_unused,
)
from tidewire.services.timing import evenly
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.secrets.encryption import Encryption

RECOVERY_CREATED: Final = "users.[userId].recovery.[tokenId].create"
RECOVERY_UPDATED: Final = "users.[userId].recovery.[tokenId].update"

_TYPES: Final[tuple[TokenType, ...]] = ("recovery",)


@operations.declare(
    "createRecovery",
    "POST",
    "/account/recovery",
    scopes=("sessions.write",),
    status=201,
    event=RECOVERY_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},email:{param-email}", "url:{url},ip:{ip}")),
)
@evenly
async def create_recovery(context: Context, email: EmailAddress, url: Redirect) -> Token:
    """Send a link to ``url`` that lets the user of an address set a new password.

    Only servers are told that there is no such user, or a blocked one: anybody may ask this about
    anybody.
    """
    require_redirect(context, url)
    address = email.lower()
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = user_by_email(transaction.connection, address)
        if user is not None and user.status:
            return _send(transaction, context, user, url, visit)
        if context.caller.bypasses_permissions:
            raise _unavailable(user)
        # Something is written here too, so that the answer takes as long.
        record(transaction, "", "recovery.create", visit)
        return decoy_token(context, address, LINK_SECONDS)

    return await context.database.write(unit)


@operations.declare(
    "updateRecovery",
    "PUT",
    "/account/recovery",
    scopes=("sessions.write",),
    event=RECOVERY_UPDATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{param-userId}",)),
)
@evenly
async def update_recovery(
    context: Context, user_id: ResourceId, secret: ShownSecret, password: Annotated[str, Password(8, 256)]
) -> Token:
    """Set a new password with what stood in the link. All sessions end unless the project lets them go on."""
    settings = context.project.settings
    user = await context.database.read(
        lambda connection: _owner(connection, context.encryption, user_id, secret)
    )
    if user is None:
        raise invalid_token()
    personal = PersonalData(user.id, user.name, user.email or "", user.phone or "")
    await require_acceptable(settings, password, personal)
    await require_unused(settings, context.passwords, password, user)
    new_hash = await context.passwords.hash(password)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token | None:
        row = use_token(transaction.connection, context.encryption, user_id, _TYPES, secret)
        if row is None:
            return None
        delete_tokens(transaction.connection, user_id, _TYPES)
        columns = password_columns(settings, new_hash, user.password_history)
        change_user(transaction.connection, user_id, email_verification=True, **columns)
        token = token_of(row)
        publish_token(transaction, context, RECOVERY_UPDATED, token, secret)
        if settings.session_invalidation:  # after the event, which the sessions that end hear too
            end_other_sessions(transaction, context, user_id, kept="")
        record(transaction, user_id, "recovery.update", visit)
        return token

    token = await context.database.write(unit)
    if token is None:
        raise invalid_token()
    return token


def _send(transaction: Transaction, context: Context, user: Row[Any], url: str, visit: Visit) -> Token:
    issued = issue_token(
        transaction.connection,
        context.encryption,
        user.id,
        "recovery",
        new_link_secret(),
        LINK_SECONDS,
        visit,
    )
    token = issued.token
    link = secret_link(url, user.id, issued.secret, token.expire)
    mail = recovery_mail(context.project_name, user.name, link)
    enqueue_mail(transaction, user.email, user.name, mail)
    publish_token(transaction, context, RECOVERY_CREATED, token, issued.secret)
    record(transaction, user.id, "recovery.create", visit)
    if context.caller.bypasses_permissions:
        return msgspec.structs.replace(token, secret=issued.secret)
    return token


def _owner(connection: Connection, encryption: Encryption, user_id: str, secret: str) -> Row[Any] | None:
    """The user, if this is the secret of a link that still works."""
    if not token_matches(connection, encryption, user_id, _TYPES, secret):
        return None
    user = find_user(connection, user_id)
    return user if user.status else None


def _unavailable(user: Row[Any] | None) -> TidewireError:
    if user is None:
        return TidewireError("user_not_found", "There is no user with this email address.")
    return TidewireError("user_blocked", "This user has been blocked.")
