"""Sign-in without a password, second half: the secret of a link or code becomes a session."""

from __future__ import annotations

from typing import Any, Final

from tidewire.core.checks.names import CustomId
from tidewire.core.errors import TidewireError
from tidewire.core.models import Session
from tidewire.core.operations import Method
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations
from tidewire.services.account.events import SESSION_CREATED
from tidewire.services.account.provider_tokens import session_columns
from tidewire.services.account.redirects import ShownSecret
from tidewire.services.account.sign_in import OAUTH2, Login, NewSession, signed_in_answer, start_session
from tidewire.services.context import Context
from tidewire.services.one_time import write_if_valid
from tidewire.services.timing import evenly
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.tokens import TokenType, use_token
from tidewire.store.records.user_identities import TOKEN_COLUMNS, find_identity
from tidewire.store.records.users import change_user, find_user

_PROVIDERS: Final[dict[TokenType, tuple[str, str]]] = {
    "magic-url": ("magic-url", "email"),
    "email": ("email", "email"),
    "oauth2": (OAUTH2, "email"),
    "phone": ("phone", "phone"),
    "generic": ("token", "token"),
}
"""Type of a token that signs in, to the provider of the session and the factor that it is."""
_PROVE_ADDRESS: Final = frozenset({"magic-url", "email", "phone"})
"""Types of tokens that were sent to an address or number, which is verified by them."""
_OPERATIONS: Final[tuple[tuple[str, Method, str], ...]] = (
    ("createSession", "POST", "/account/sessions/token"),
    ("updateMagicURLSession", "PUT", "/account/sessions/magic-url"),
    ("updatePhoneSession", "PUT", "/account/sessions/phone"),
)
"""The operations that sign in so; older clients call the last two."""


@evenly
async def create_session(context: Context, user_id: CustomId, secret: ShownSecret) -> Session:
    """Sign in with the secret of a link, a code, or a token that a server made."""
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> NewSession | None:
        token = use_token(transaction.connection, user_id, _PROVIDERS.keys(), secret)
        return None if token is None else _start(transaction, context, token, secret, visit)

    return signed_in_answer(context, await write_if_valid(context, unit))


for _name, _method, _path in _OPERATIONS:
    operations.declare(
        _name,
        _method,
        _path,
        scopes=("sessions.write",),
        status=201,
        event=SESSION_CREATED,
        groups=("session",),
        limit=RateLimit(10, 3600, ("ip:{ip},userId:{param-userId}",)),
    )(create_session)


def _start(
    transaction: Transaction, context: Context, token: Row[Any], secret: str, visit: Visit
) -> NewSession | None:
    """Begin the session of a token; None if what it stands for is gone."""
    user = find_user(transaction.connection, token.user_id)
    if not user.status:
        raise TidewireError("user_blocked", "This user has been blocked.")
    # Who has the secret reads the mails or has the phone.
    address = "phone" if token.type == "phone" else "email"
    verified = f"{address}_verification"
    if token.type in _PROVE_ADDRESS and not getattr(user, verified):
        change_user(transaction.connection, user.id, **{verified: True})
    provider, factor = _PROVIDERS[token.type]
    login = Login(provider, getattr(user, address) or "", factor, visit)
    if provider == OAUTH2:
        identity = find_identity(transaction.connection, secret.partition(".")[0], user.id)
        if identity is None:
            return None
        tokens = {name: getattr(identity, name) for name in TOKEN_COLUMNS}
        login = Login(identity.provider, identity.provider_uid, factor, visit, session_columns(tokens))
    return start_session(transaction, context, user.id, login)
