"""Sessions of the own account: signing in, listing sessions, signing out."""

from __future__ import annotations

from typing import Annotated, Any, Final

from tidewire.core.checks.addresses import EmailAddress
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Whole
from tidewire.core.checks.texts import Password
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.core.ids import unique_id
from tidewire.core.models import Jwt, Session, SessionList
from tidewire.core.rate_limits import RateLimit
from tidewire.core.time import now
from tidewire.services.account import operations, signed_in
from tidewire.services.account.credentials import has_password, wrong_credentials
from tidewire.services.account.events import SESSION_CREATED, SESSION_DELETED, SESSION_UPDATED, USER_CREATED
from tidewire.services.account.provider_tokens import refreshed_tokens, session_columns
from tidewire.services.account.sign_in import (
    Login,
    NewSession,
    jwt_of,
    publish_ended,
    session_of,
    signed_in_answer,
    start_session,
)
from tidewire.services.account.sign_up import require_method, require_room
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.passwords import OWN_SCHEME
from tidewire.services.publishing import publish
from tidewire.services.visits import visit_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.projects import CONSOLE_PROJECT_ID
from tidewire.store.records.sessions import change_session, end_sessions, find_session, sessions_of
from tidewire.store.records.user_identities import change_identity
from tidewire.store.records.users import insert_user, replace_hash, user_by

_BY_ADDRESS: Final = RateLimit(100, 3600, ("url:{url},ip:{ip}",))


@operations.declare(
    "createEmailPasswordSession",
    "POST",
    "/account/sessions/email",
    aliases=("/account/sessions",),
    scopes=("sessions.write",),
    status=201,
    event=SESSION_CREATED,
    groups=("session",),
    limit=RateLimit(10, 3600, ("url:{url},email:{param-email}",)),
)
async def create_email_password_session(
    context: Context, email: EmailAddress, password: Annotated[str, Password(8, 256)]
) -> Session:
    """Sign in with e-mail address and password."""
    require_method(context, "email-password")
    address = email.lower()
    user = await context.database.read(lambda connection: user_by(connection, email=address))
    if not await has_password(context, user, password) or user is None:
        raise wrong_credentials()
    new_hash = None
    if context.passwords.is_outdated(user.password_hash, user.hash or OWN_SCHEME):
        new_hash = await context.passwords.hash(password)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> NewSession:
        current = user_by(transaction.connection, email=address)
        # The password may have been changed, or the user deleted, while it was being checked.
        if current is None or (current.id, current.password_hash) != (user.id, user.password_hash):
            raise wrong_credentials()
        if not current.status:
            raise TidewireError("user_blocked", "This user has been blocked.")
        if new_hash is not None:
            replace_hash(transaction.connection, user, new_hash, OWN_SCHEME)
        return start_session(transaction, context, user.id, Login("email", address, "password", visit))

    return signed_in_answer(context, await context.database.write(unit))


@operations.declare(
    "createAnonymousSession",
    "POST",
    "/account/sessions/anonymous",
    scopes=("sessions.write",),
    status=201,
    event=SESSION_CREATED,
    groups=("session",),
    limit=RateLimit(50, 3600, ("ip:{ip}",)),
)
async def create_anonymous_session(context: Context) -> Session:
    """Sign in as a new user without name, address and password."""
    if context.project.id == CONSOLE_PROJECT_ID:
        raise TidewireError(
            "user_anonymous_console_prohibited", "People sign in to the console with an account of their own."
        )
    require_method(context, "anonymous")
    user_id = unique_id()
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> NewSession:
        require_room(transaction.connection, context)
        account = insert_user(transaction.connection, user_id)
        publish(transaction, context, USER_CREATED, {"userId": user_id}, account)
        return start_session(transaction, context, user_id, Login("anonymous", "", "anonymous", visit))

    return signed_in_answer(context, await context.database.write(unit))


@operations.read("listSessions", "GET", "/account/sessions", scopes=("account",))
def list_sessions(connection: Connection, context: Context) -> SessionList:
    """List the sessions of the signed-in user."""
    identity = signed_in(context)
    rows = sessions_of(connection, identity.user_id)
    return SessionList(total=len(rows), sessions=[_own(context, identity, row) for row in rows])


@operations.read("getSession", "GET", "/account/sessions/{sessionId}", scopes=("account",))
def get_session(connection: Connection, context: Context, session_id: ResourceId) -> Session:
    """Get a session of the signed-in user; ``current`` is the one that the request was made with."""
    identity = signed_in(context)
    return _own(context, identity, find_session(connection, identity.user_id, _wanted(identity, session_id)))


@operations.declare(
    "updateSession",
    "PATCH",
    "/account/sessions/{sessionId}",
    scopes=("account",),
    event=SESSION_UPDATED,
    limit=RateLimit(10, 3600, ("url:{url},ip:{ip}",)),
)
async def update_session(context: Context, session_id: ResourceId) -> Session:
    """Let a session of the signed-in user last as long again as a new one; its secret stays.

    If it was begun at a provider that gave a refresh token, it gets new tokens from there.
    """
    identity = signed_in(context)
    wanted = _wanted(identity, session_id)
    session = await context.database.read(
        lambda connection: find_session(connection, identity.user_id, wanted)
    )
    tokens = await refreshed_tokens(context, session)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Session:
        connection = transaction.connection
        found = find_session(connection, identity.user_id, wanted)
        expires = now() + context.project.settings.session_duration * 1000
        row = change_session(connection, found.sequence, expires_at=expires, **session_columns(tokens))
        if tokens:
            change_identity(connection, row.user_id, row.provider, row.provider_uid, **tokens)
        parameters = {"userId": identity.user_id, "sessionId": row.id}
        told = session_of(row, current=row.id == identity.session_id)
        publish(transaction, context, SESSION_UPDATED, parameters, told)
        record(transaction, identity.user_id, "session.update", visit)
        return _own(context, identity, row)

    return await context.database.write(unit)


@operations.declare(
    "deleteSession",
    "DELETE",
    "/account/sessions/{sessionId}",
    scopes=("account",),
    event=SESSION_DELETED,
    groups=("mfa",),
    limit=_BY_ADDRESS,
)
async def delete_session(context: Context, session_id: ResourceId) -> None:
    """Sign out of a session of the signed-in user; ``current`` is the one of the request."""
    identity = signed_in(context)
    wanted = _wanted(identity, session_id)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> None:
        row = find_session(transaction.connection, identity.user_id, wanted)
        publish_ended(transaction, context, [row])
        record(transaction, identity.user_id, "session.delete", visit)

    await context.database.write(unit)
    context.session_ended = wanted == identity.session_id


@operations.declare(
    "deleteSessions",
    "DELETE",
    "/account/sessions",
    scopes=("account",),
    event=SESSION_DELETED,
    limit=_BY_ADDRESS,
)
async def delete_sessions(context: Context) -> None:
    """Sign the user out everywhere.

    Only the end of the current session is published.
    """
    identity = signed_in(context)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> None:
        rows = sessions_of(transaction.connection, identity.user_id)
        end_sessions(transaction.connection, [row.id for row in rows])
        publish_ended(transaction, context, [row for row in rows if row.id == identity.session_id])
        record(transaction, identity.user_id, "session.delete", visit)

    await context.database.write(unit)
    context.session_ended = True


@operations.declare(
    "createJWT",
    "POST",
    "/account/jwts",
    aliases=("/account/jwt",),
    scopes=("account",),
    status=201,
    limit=RateLimit(120, 60, ("url:{url},userId:{userId}",)),
)
async def create_jwt(context: Context, duration: Annotated[int, Whole(0, 3600)] = 900) -> Jwt:
    """Make a token that stands for the current session for ``duration`` seconds."""
    require_method(context, "jwt")
    identity = signed_in(context)
    if context.caller.by_jwt:
        raise TidewireError(
            "user_jwt_creation_denied", "A JWT cannot be made with a JWT; use the session itself."
        )
    await context.database.read(
        lambda connection: find_session(connection, identity.user_id, identity.session_id)
    )
    return jwt_of(context, identity.user_id, identity.session_id, duration)


def _own(context: Context, identity: Identity, row: Row[Any]) -> Session:
    """A session as its user sees it. An impersonator does not see what opens the user's account elsewhere."""
    encryption = context.encryption if context.caller.impersonator is None else None
    return session_of(row, current=row.id == identity.session_id, encryption=encryption)


def _wanted(identity: Identity, session_id: str) -> str:
    return identity.session_id if session_id == "current" else session_id
