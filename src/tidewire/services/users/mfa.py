"""Second factors of a user, managed by a server."""

from __future__ import annotations

from typing import Annotated, Final

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import Text
from tidewire.core.models import MfaChallengeSecret, MfaFactors, MfaRecoveryCodes, User
from tidewire.core.second_factors import CUSTOM
from tidewire.core.time import format_datetime
from tidewire.services.account.events import (
    MFA_DELETED,
    MFA_UPDATED,
    RECOVERY_CODES_CREATED,
    RECOVERY_CODES_UPDATED,
)
from tidewire.services.account.mfa import (
    AuthenticatorType,
    factors_of,
    make_recovery_codes,
    recovery_codes_of,
    remove_authenticator,
)
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.one_time import invalid_token
from tidewire.services.users import operations
from tidewire.services.users.records import change, require_server
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.authenticators import find_authenticator, open_codes
from tidewire.store.records.challenges import find_challenge
from tidewire.store.records.users import find_user

_RECOVERY_CODES: Final = "/users/{userId}/mfa/recovery-codes"


@operations.write("updateMFA", "PATCH", "/users/{userId}/mfa", scopes=("users.write",), event=MFA_UPDATED)
def update_mfa(
    transaction: Transaction, context: Context, user_id: ResourceId, mfa: Annotated[bool, TrueOrFalse()]
) -> User:
    """Ask a user for a second factor at every sign-in, or no longer."""
    return change(transaction, context, user_id, MFA_UPDATED, mfa=mfa)


@operations.read("listMFAFactors", "GET", "/users/{userId}/mfa/factors", scopes=("users.read",))
def list_mfa_factors(connection: Connection, context: Context, user_id: ResourceId) -> MfaFactors:
    """List the second factors that a user can be asked for."""
    app = find_authenticator(connection, user_id)
    return factors_of(context, find_user(connection, user_id), app is not None and bool(app.verified))


@operations.write(
    "deleteMFAAuthenticator",
    "DELETE",
    "/users/{userId}/mfa/authenticators/{type}",
    scopes=("users.write",),
    event=MFA_DELETED,
)
def delete_mfa_authenticator(
    transaction: Transaction,
    context: Context,
    user_id: ResourceId,
    type_: AuthenticatorType,  # noqa: ARG001
) -> None:
    """Remove a user's authenticator app, as after the loss of a phone."""
    find_user(transaction.connection, user_id)
    remove_authenticator(transaction, context, user_id)


@operations.read("getMFARecoveryCodes", "GET", _RECOVERY_CODES, scopes=("users.read",))
def get_mfa_recovery_codes(connection: Connection, context: Context, user_id: ResourceId) -> MfaRecoveryCodes:
    """Show the recovery codes of a user that were not used yet."""
    require_server(context)
    return recovery_codes_of(context, find_user(connection, user_id))


@operations.write(
    "createMFARecoveryCodes",
    "PATCH",
    _RECOVERY_CODES,
    scopes=("users.write",),
    status=201,
    event=RECOVERY_CODES_CREATED,
)
def create_mfa_recovery_codes(
    transaction: Transaction, context: Context, user_id: ResourceId
) -> MfaRecoveryCodes:
    """Make recovery codes for a user who has none."""
    return make_recovery_codes(transaction, context, user_id, RECOVERY_CODES_CREATED, anew=False)


@operations.write(
    "updateMFARecoveryCodes", "PUT", _RECOVERY_CODES, scopes=("users.write",), event=RECOVERY_CODES_UPDATED
)
def update_mfa_recovery_codes(
    transaction: Transaction, context: Context, user_id: ResourceId
) -> MfaRecoveryCodes:
    """Replace the recovery codes of a user by new ones."""
    return make_recovery_codes(transaction, context, user_id, RECOVERY_CODES_UPDATED, anew=True)


@operations.read(
    "getMFAChallenge", "GET", "/users/{userId}/mfa/challenges/{challengeId}", scopes=("users.read",)
)
def get_mfa_challenge(
    connection: Connection,
    context: Context,
    user_id: ResourceId,
    challenge_id: Annotated[str, Text(1, 256)],
) -> MfaChallengeSecret:
    """Get a second factor ``custom`` that a user was asked for, with the code that the app is to deliver.

    Codes of the other factors are sent by Tidewire itself and shown to nobody.
    """
    require_server(context)
    find_user(connection, user_id)
    row = find_challenge(connection, challenge_id, user_id, type=CUSTOM)
    if row is None:
        raise invalid_token()
    code = "".join(open_codes(context.encryption, [row.code]))
    return shown(MfaChallengeSecret, row, expire=format_datetime(row.expires_at), code=code)
