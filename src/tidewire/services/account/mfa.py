"""Second factors of the own account: switching them on, authenticator apps, recovery codes."""

from __future__ import annotations

from typing import Annotated, Final

from sqlalchemy import Row

from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.core.models import Account, MfaFactors, MfaRecoveryCodes, MfaType
from tidewire.core.second_factors import own_factors
from tidewire.services.account import operations
from tidewire.services.account.parameters import ShownSecret
from tidewire.services.account.records import change_user, find_account, find_user, signed_in
from tidewire.services.account.sign_in import change_session, sessions_of
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.one_time import invalid_token
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.authenticators import (
    delete_authenticator,
    find_authenticator,
    matching_step,
    new_recovery_codes,
    open_codes,
    replace_authenticator,
    seal_codes,
    verify_authenticator,
)

MFA_UPDATED: Final = "users.[userId].update.mfa"
MFA_DELETED: Final = "users.[userId].delete.mfa"

AuthenticatorType = Annotated[str, AnyCaseChoice(("totp",))]

_NO_CODES: Final = MfaRecoveryCodes(recovery_codes=[])
"""What events tell of recovery codes."""


@operations.declare("updateMFA", "PATCH", "/account/mfa", scopes=("account",), event=MFA_UPDATED)
async def update_mfa(context: Context, mfa: Annotated[bool, TrueOrFalse()]) -> Account:
    """Ask for a second factor at every sign-in from now on, or no longer."""
    identity = signed_in(context)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Account:
        account = change_user(transaction.connection, identity.user_id, mfa=mfa)
        if mfa:
            _count_present_factors(transaction.connection, context, identity)
        publish(transaction, context, MFA_UPDATED, {"userId": identity.user_id}, account)
        record(transaction, identity.user_id, "user.update", visit)
        return account

    return await context.database.write(unit)


@operations.declare("listMFAFactors", "GET", "/account/mfa/factors", scopes=("account",), groups=("mfa",))
async def list_mfa_factors(context: Context) -> MfaFactors:
    """List the second factors that the user can be asked for."""
    identity = signed_in(context)
    user = await context.database.read(lambda connection: find_user(connection, identity.user_id))
    factors = own_factors(identity.account, identity.has_authenticator, context.project.settings.mfa_factors)
    return MfaFactors(
        totp=factors.totp,
        phone=factors.phone,
        email=factors.email,
        recovery_code=bool(user.mfa_recovery_codes),
        custom=factors.custom,
    )


@operations.declare(
    "createMFAAuthenticator",
    "POST",
    "/account/mfa/authenticators/{type}",
    scopes=("account",),
    event=MFA_UPDATED,
)
async def create_mfa_authenticator(context: Context, type_: AuthenticatorType) -> MfaType:  # noqa: ARG001
    """Begin to add an authenticator app; it counts after its first code was shown."""
    user_id = signed_in(context).user_id
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> MfaType:
        connection = transaction.connection
        _require_unverified(find_authenticator(connection, user_id))
        user = find_user(connection, user_id)
        label = user.email or user.phone or user.name or user.id
        made = replace_authenticator(connection, context.encryption, user_id, label, context.project_name)
        _tell(transaction, context, user_id, MfaType(secret="", uri=""), visit)
        return made

    return await context.database.write(unit)


@operations.declare(
    "updateMFAAuthenticator",
    "PUT",
    "/account/mfa/authenticators/{type}",
    scopes=("account",),
    event=MFA_UPDATED,
)
async def update_mfa_authenticator(
    context: Context,
    type_: AuthenticatorType,  # noqa: ARG001
    otp: ShownSecret,
) -> Account:
    """Finish adding an authenticator app, with a code that it shows."""
    identity = signed_in(context)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Account:
        connection = transaction.connection
        row = find_authenticator(connection, identity.user_id)
        if row is None:
            raise _no_authenticator()
        _require_unverified(row)
        if matching_step(context.encryption, row, otp) is None:
            raise invalid_token()
        verify_authenticator(connection, row)
        _add_factor(connection, identity, "totp")
        account = find_account(connection, identity.user_id)
        _tell(transaction, context, identity.user_id, account, visit)
        return account

    return await context.database.write(unit)


@operations.declare(
    "deleteMFAAuthenticator",
    "DELETE",
    "/account/mfa/authenticators/{type}",
    scopes=("account",),
    event=MFA_DELETED,
    groups=("mfaProtected",),
)
async def delete_mfa_authenticator(context: Context, type_: AuthenticatorType) -> None:  # noqa: ARG001
    """Remove the authenticator app."""
    user_id = signed_in(context).user_id
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> None:
        if find_authenticator(transaction.connection, user_id) is None:
            raise _no_authenticator()
        delete_authenticator(transaction.connection, user_id)
        publish(transaction, context, MFA_DELETED, {"userId": user_id}, {})
        record(transaction, user_id, "user.update", visit)

    await context.database.write(unit)


@operations.declare(
    "createMFARecoveryCodes",
    "POST",
    "/account/mfa/recovery-codes",
    scopes=("account",),
    status=201,
    event=MFA_UPDATED,
)
async def create_mfa_recovery_codes(context: Context) -> MfaRecoveryCodes:
    """Make codes for the day when the other factors are lost."""
    return await _make_recovery_codes(context, anew=False)


@operations.declare(
    "updateMFARecoveryCodes",
    "PATCH",
    "/account/mfa/recovery-codes",
    scopes=("account",),
    event=MFA_UPDATED,
    groups=("mfaProtected",),
)
async def update_mfa_recovery_codes(context: Context) -> MfaRecoveryCodes:
    """Replace the recovery codes by new ones."""
    return await _make_recovery_codes(context, anew=True)


@operations.declare(
    "getMFARecoveryCodes",
    "GET",
    "/account/mfa/recovery-codes",
    scopes=("account",),
    groups=("mfaProtected",),
)
async def get_mfa_recovery_codes(context: Context) -> MfaRecoveryCodes:
    """Show the recovery codes that were not used yet."""
    user_id = signed_in(context).user_id
    user = await context.database.read(lambda connection: find_user(connection, user_id))
    if not user.mfa_recovery_codes:
        raise _no_codes()
    return MfaRecoveryCodes(recovery_codes=open_codes(context.encryption, user.mfa_recovery_codes))


async def _make_recovery_codes(context: Context, *, anew: bool) -> MfaRecoveryCodes:
    user_id = signed_in(context).user_id
    visit = await visit_of(context)
    codes = new_recovery_codes()

    def unit(transaction: Transaction) -> None:
        user = find_user(transaction.connection, user_id)
        if anew and not user.mfa_recovery_codes:
            raise _no_codes()
        if not anew and user.mfa_recovery_codes:
            raise TidewireError(
                "user_recovery_codes_already_exists", "The user has recovery codes; replace them instead."
            )
        sealed = seal_codes(context.encryption, codes)
        change_user(transaction.connection, user_id, mfa_recovery_codes=sealed)
        _tell(transaction, context, user_id, _NO_CODES, visit)

    await context.database.write(unit)
    return MfaRecoveryCodes(recovery_codes=codes)


def _count_present_factors(connection: Connection, context: Context, identity: Identity) -> None:
    """Let the session in which the user asks for more factors go on: whoever sits there is trusted."""
    factors = own_factors(identity.account, identity.has_authenticator, context.project.settings.mfa_factors)
    for name in ("totp", "email", "phone", "custom"):
        if getattr(factors, name):
            _add_factor(connection, identity, name)


def _add_factor(connection: Connection, identity: Identity, factor: str) -> None:
    for row in sessions_of(connection, identity.user_id):
        if row.id == identity.session_id and factor not in row.factors:
            change_session(connection, row.sequence, factors=[*row.factors, factor])


def _tell(
    transaction: Transaction,
    context: Context,
    user_id: str,
    payload: Account | MfaType | MfaRecoveryCodes,
    visit: Visit,
) -> None:
    publish(transaction, context, MFA_UPDATED, {"userId": user_id}, payload)
    record(transaction, user_id, "user.update", visit)


def _require_unverified(row: Row[tuple[object, ...]] | None) -> None:
    if row is not None and row.verified:
        raise TidewireError(
            "user_authenticator_already_verified", "The user has an authenticator app; remove it first."
        )


def _no_authenticator() -> TidewireError:
    return TidewireError("user_authenticator_not_found", "The user has no authenticator app.")


def _no_codes() -> TidewireError:
    return TidewireError("user_recovery_codes_not_found", "The user has no recovery codes.")
