"""Second factors of the own account: switching them on, authenticator apps, recovery codes."""

from __future__ import annotations

from typing import Annotated, Any, Final

from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.core.models import Account, MfaFactors, MfaRecoveryCodes, MfaType
from tidewire.core.second_factors import own_factors
from tidewire.services.account import operations, signed_in
from tidewire.services.account.events import MFA_DELETED, MFA_UPDATED
from tidewire.services.account.redirects import ShownSecret
from tidewire.services.answers import shown
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.one_time import invalid_token
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Connection, Row
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
from tidewire.store.records.identities import account_of
from tidewire.store.records.sessions import change_session, sessions_of
from tidewire.store.records.users import change_user, find_account, find_user

AuthenticatorType = Annotated[str, AnyCaseChoice(("totp",))]

_AUTHENTICATORS: Final = "/account/mfa/authenticators/{type}"
_RECOVERY_CODES: Final = "/account/mfa/recovery-codes"


@operations.audited("updateMFA", "PATCH", "/account/mfa", scopes=("account",), event=MFA_UPDATED)
def update_mfa(
    transaction: Transaction, context: Context, visit: Visit, mfa: Annotated[bool, TrueOrFalse()]
) -> Account:
    """Ask for a second factor at every sign-in from now on, or no longer."""
    identity = signed_in(context)
    account = change_user(transaction.connection, identity.user_id, mfa=mfa)
    if mfa:
        # The session in which the user asks for second factors goes on as if it had shown them.
        policy = context.project.settings.mfa_factors
        factors = own_factors(identity.account, identity.has_authenticator, policy)
        names = [name for name in ("totp", "email", "phone", "custom") if getattr(factors, name)]
        _add_factors(transaction.connection, identity, names)
    _tell(transaction, context, visit, account)
    return account


@operations.read("listMFAFactors", "GET", "/account/mfa/factors", scopes=("account",), groups=("mfa",))
def list_mfa_factors(connection: Connection, context: Context) -> MfaFactors:
    """List the second factors that the user can be asked for."""
    identity = signed_in(context)
    return factors_of(context, find_user(connection, identity.user_id), identity.has_authenticator)


@operations.audited("createMFAAuthenticator", "POST", _AUTHENTICATORS, scopes=("account",), event=MFA_UPDATED)
def create_mfa_authenticator(
    transaction: Transaction,
    context: Context,
    visit: Visit,
    type_: AuthenticatorType,  # noqa: ARG001
) -> MfaType:
    """Begin to add an authenticator app; it counts after its first code was shown."""
    connection, user_id = transaction.connection, signed_in(context).user_id
    _require_unverified(find_authenticator(connection, user_id))
    user = find_user(connection, user_id)
    label = user.email or user.phone or user.name or user.id
    made = replace_authenticator(connection, context.encryption, user_id, label, context.project_name)
    _tell(transaction, context, visit, MfaType(secret="", uri=""))
    return made


@operations.audited("updateMFAAuthenticator", "PUT", _AUTHENTICATORS, scopes=("account",), event=MFA_UPDATED)
def update_mfa_authenticator(
    transaction: Transaction,
    context: Context,
    visit: Visit,
    type_: AuthenticatorType,  # noqa: ARG001
    otp: ShownSecret,
) -> Account:
    """Finish adding an authenticator app, with a code that it shows."""
    connection, identity = transaction.connection, signed_in(context)
    row = require_authenticator(connection, identity.user_id)
    _require_unverified(row)
    if matching_step(context.encryption, row, otp) is None:
        raise invalid_token()
    verify_authenticator(connection, row)
    _add_factors(connection, identity, ["totp"])
    account = find_account(connection, identity.user_id)
    _tell(transaction, context, visit, account)
    return account


@operations.audited(
    "deleteMFAAuthenticator",
    "DELETE",
    _AUTHENTICATORS,
    scopes=("account",),
    event=MFA_DELETED,
    groups=("mfaProtected",),
)
def delete_mfa_authenticator(
    transaction: Transaction,
    context: Context,
    visit: Visit,
    type_: AuthenticatorType,  # noqa: ARG001
) -> None:
    """Remove the authenticator app."""
    user_id = signed_in(context).user_id
    remove_authenticator(transaction, context, user_id)
    record(transaction, user_id, "user.update", visit)


@operations.audited(
    "createMFARecoveryCodes", "POST", _RECOVERY_CODES, scopes=("account",), status=201, event=MFA_UPDATED
)
def create_mfa_recovery_codes(transaction: Transaction, context: Context, visit: Visit) -> MfaRecoveryCodes:
    """Make codes that stand in for the other factors if these are lost."""
    return _own_recovery_codes(transaction, context, visit, anew=False)


@operations.audited(
    "updateMFARecoveryCodes",
    "PATCH",
    _RECOVERY_CODES,
    scopes=("account",),
    event=MFA_UPDATED,
    groups=("mfaProtected",),
)
def update_mfa_recovery_codes(transaction: Transaction, context: Context, visit: Visit) -> MfaRecoveryCodes:
    """Replace the recovery codes by new ones."""
    return _own_recovery_codes(transaction, context, visit, anew=True)


@operations.read("getMFARecoveryCodes", "GET", _RECOVERY_CODES, scopes=("account",), groups=("mfaProtected",))
def get_mfa_recovery_codes(connection: Connection, context: Context) -> MfaRecoveryCodes:
    """Show the recovery codes that were not used yet."""
    return recovery_codes_of(context, find_user(connection, signed_in(context).user_id))


def factors_of(context: Context, user: Row[Any], has_authenticator: bool) -> MfaFactors:
    """The second factors that a user can be asked for."""
    factors = own_factors(account_of(user), has_authenticator, context.project.settings.mfa_factors)
    return shown(MfaFactors, factors, recovery_code=bool(user.mfa_recovery_codes))


def require_authenticator(connection: Connection, user_id: str) -> Row[Any]:
    """The authenticator app of a user; raises ``user_authenticator_not_found``."""
    row = find_authenticator(connection, user_id)
    if row is None:
        raise TidewireError("user_authenticator_not_found", "The user has no authenticator app.")
    return row


def remove_authenticator(transaction: Transaction, context: Context, user_id: str) -> None:
    """Delete the authenticator app of a user, with the event; raises ``user_authenticator_not_found``."""
    require_authenticator(transaction.connection, user_id)
    delete_authenticator(transaction.connection, user_id)
    publish(transaction, context, MFA_DELETED, {"userId": user_id}, {})


def recovery_codes_of(context: Context, user: Row[Any]) -> MfaRecoveryCodes:
    """The unused recovery codes of a user; raises ``user_recovery_codes_not_found``."""
    if not user.mfa_recovery_codes:
        raise TidewireError("user_recovery_codes_not_found", "The user has no recovery codes.")
    return MfaRecoveryCodes(recovery_codes=open_codes(context.encryption, user.mfa_recovery_codes))


def make_recovery_codes(
    transaction: Transaction, context: Context, user_id: str, event: str, *, anew: bool
) -> MfaRecoveryCodes:
    """Give a user new recovery codes, with the event, which does not hold them.

    If ``anew``, they replace codes that there must be; otherwise there must be none. Raises
    ``user_recovery_codes_not_found`` or ``user_recovery_codes_already_exists``.
    """
    user = find_user(transaction.connection, user_id)
    if anew:
        recovery_codes_of(context, user)
    elif user.mfa_recovery_codes:
        raise TidewireError(
            "user_recovery_codes_already_exists", "The user has recovery codes; replace them instead."
        )
    codes = new_recovery_codes()
    sealed = seal_codes(context.encryption, codes)
    change_user(transaction.connection, user_id, mfa_recovery_codes=sealed)
    publish(transaction, context, event, {"userId": user_id}, MfaRecoveryCodes(recovery_codes=[]))
    return MfaRecoveryCodes(recovery_codes=codes)


def _own_recovery_codes(
    transaction: Transaction, context: Context, visit: Visit, *, anew: bool
) -> MfaRecoveryCodes:
    user_id = signed_in(context).user_id
    record(transaction, user_id, "user.update", visit)
    return make_recovery_codes(transaction, context, user_id, MFA_UPDATED, anew=anew)


def _add_factors(connection: Connection, identity: Identity, names: list[str]) -> None:
    """Note that the session of the request, if there is one, has shown these factors."""
    for row in sessions_of(connection, identity.user_id):
        if row.id == identity.session_id:
            factors = list(dict.fromkeys([*row.factors, *names]))
            change_session(connection, row.sequence, factors=factors)


def _tell(transaction: Transaction, context: Context, visit: Visit, payload: Account | MfaType) -> None:
    user_id = signed_in(context).user_id
    publish(transaction, context, MFA_UPDATED, {"userId": user_id}, payload)
    record(transaction, user_id, "user.update", visit)


def _require_unverified(row: Row[Any] | None) -> None:
    if row is not None and row.verified:
        raise TidewireError(
            "user_authenticator_already_verified", "The user has an authenticator app; remove it first."
        )
