"""Second factors of a user, looked after by a server."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import Row, select

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import MfaChallengeSecret, MfaFactors, MfaRecoveryCodes, User
from tidewire.core.second_factors import CUSTOM, own_factors
from tidewire.core.time import format_datetime, now
from tidewire.services.account.records import change_user, find_user
from tidewire.services.context import Context
from tidewire.services.one_time import invalid_token
from tidewire.services.publishing import publish
from tidewire.services.users import operations
from tidewire.services.users.events import (
    MFA_DELETED,
    MFA_UPDATED,
    RECOVERY_CODES_CREATED,
    RECOVERY_CODES_UPDATED,
)
from tidewire.services.users.records import change_and_publish, require_server
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.authenticators import (
    delete_authenticator,
    find_authenticator,
    new_recovery_codes,
    open_codes,
    seal_codes,
)
from tidewire.store.records.identities import account_of
from tidewire.store.schema import challenges


@operations.declare("updateMFA", "PATCH", "/users/{userId}/mfa", scopes=("users.write",), event=MFA_UPDATED)
async def update_mfa(context: Context, user_id: ResourceId, mfa: Annotated[bool, TrueOrFalse()]) -> User:
    """Ask a user for a second factor at every sign-in, or no longer."""
    return await change_and_publish(context, user_id, MFA_UPDATED, mfa=mfa)


@operations.declare("listMFAFactors", "GET", "/users/{userId}/mfa/factors", scopes=("users.read",))
async def list_mfa_factors(context: Context, user_id: ResourceId) -> MfaFactors:
    """List the second factors that a user can be asked for."""

    def unit(connection: Connection) -> MfaFactors:
        row = find_user(connection, user_id)
        app = find_authenticator(connection, user_id)
        policy = context.project.settings.mfa_factors
        factors = own_factors(account_of(row), app is not None and bool(app.verified), policy)
        return MfaFactors(
            totp=factors.totp,
            phone=factors.phone,
            email=factors.email,
            recovery_code=bool(row.mfa_recovery_codes),
            custom=factors.custom,
        )

    return await context.database.read(unit)


@operations.declare(
    "deleteMFAAuthenticator",
    "DELETE",
    "/users/{userId}/mfa/authenticators/{type}",
    scopes=("users.write",),
    event=MFA_DELETED,
)
async def delete_mfa_authenticator(
    context: Context,
    user_id: ResourceId,
    type_: Annotated[str, AnyCaseChoice(("totp",))],  # noqa: ARG001
) -> None:
    """Remove a user's authenticator app, as after the loss of a phone."""

    def unit(transaction: Transaction) -> None:
        find_user(transaction.connection, user_id)
        if find_authenticator(transaction.connection, user_id) is None:
            raise TidewireError("user_authenticator_not_found", "The user has no authenticator app.")
        delete_authenticator(transaction.connection, user_id)
        publish(transaction, context, MFA_DELETED, {"userId": user_id}, {})

    await context.database.write(unit)


@operations.declare(
    "getMFARecoveryCodes",
    "GET",
    "/users/{userId}/mfa/recovery-codes",
    scopes=("users.read",),
)
async def get_mfa_recovery_codes(context: Context, user_id: ResourceId) -> MfaRecoveryCodes:
    """Show the recovery codes of a user that were not used yet."""
    require_server(context)
    row = await context.database.read(lambda connection: find_user(connection, user_id))
    _require_codes(row)
    return MfaRecoveryCodes(recovery_codes=open_codes(context.encryption, row.mfa_recovery_codes))


@operations.declare(
    "createMFARecoveryCodes",
    "PATCH",
    "/users/{userId}/mfa/recovery-codes",
    scopes=("users.write",),
    status=201,
    event=RECOVERY_CODES_CREATED,
)
async def create_mfa_recovery_codes(context: Context, user_id: ResourceId) -> MfaRecoveryCodes:
    """Make recovery codes for a user who has none."""

    def unit(transaction: Transaction) -> MfaRecoveryCodes:
        if find_user(transaction.connection, user_id).mfa_recovery_codes:
            raise TidewireError(
                "user_recovery_codes_already_exists", "The user has recovery codes; replace them instead."
            )
        return _replace_codes(transaction, context, user_id, RECOVERY_CODES_CREATED)

    return await context.database.write(unit)


@operations.declare(
    "updateMFARecoveryCodes",
    "PUT",
    "/users/{userId}/mfa/recovery-codes",
    scopes=("users.write",),
    event=RECOVERY_CODES_UPDATED,
)
async def update_mfa_recovery_codes(context: Context, user_id: ResourceId) -> MfaRecoveryCodes:
    """Replace the recovery codes of a user by new ones."""

    def unit(transaction: Transaction) -> MfaRecoveryCodes:
        _require_codes(find_user(transaction.connection, user_id))
        return _replace_codes(transaction, context, user_id, RECOVERY_CODES_UPDATED)

    return await context.database.write(unit)


@operations.declare(
    "getMFAChallenge",
    "GET",
    "/users/{userId}/mfa/challenges/{challengeId}",
    scopes=("users.read",),
)
async def get_mfa_challenge(
    context: Context, user_id: ResourceId, challenge_id: Annotated[str, Text(1, 256)]
) -> MfaChallengeSecret:
    """Get a second factor ``custom`` that a user was asked for, with the code that the app is to deliver.

    Codes of the other factors are sent by Tidewire itself and shown to nobody.
    """
    require_server(context)

    def unit(connection: Connection) -> Row[tuple[object, ...]] | None:
        find_user(connection, user_id)
        return connection.execute(
            select(challenges).where(
                challenges.c.id == challenge_id,
                challenges.c.user_id == user_id,
                challenges.c.type == CUSTOM,
                challenges.c.expires_at > now(),
            )
        ).one_or_none()

    row = await context.database.read(unit)
    if row is None:
        raise invalid_token()
    return MfaChallengeSecret(
        id=row.id,
        created_at=format_datetime(row.created_at),
        user_id=row.user_id,
        expire=format_datetime(row.expires_at),
        code="".join(open_codes(context.encryption, [row.code])),
    )


def _require_codes(user: Row[tuple[object, ...]]) -> None:
    if not user.mfa_recovery_codes:
        raise TidewireError("user_recovery_codes_not_found", "The user has no recovery codes.")


def _replace_codes(transaction: Transaction, context: Context, user_id: str, event: str) -> MfaRecoveryCodes:
    codes = new_recovery_codes()
    sealed = seal_codes(context.encryption, codes)
    change_user(transaction.connection, user_id, mfa_recovery_codes=sealed)
    publish(transaction, context, event, {"userId": user_id}, MfaRecoveryCodes(recovery_codes=[]))
    return MfaRecoveryCodes(recovery_codes=codes)
