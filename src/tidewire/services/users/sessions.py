"""Sessions, tokens and JWTs that servers make for users."""

from __future__ import annotations

import secrets
from typing import Annotated, Final

import msgspec

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.models import Jwt, Session, SessionList, Token
from tidewire.services.account.events import (
    SESSION_CREATED,
    SESSION_DELETED,
    SESSIONS_DELETED,
    TOKEN_CREATED,
)
from tidewire.services.account.sign_in import SERVER, Login, jwt_of, publish_ended, session_of, start_session
from tidewire.services.context import Context
from tidewire.services.one_time import issue_token, publish_token
from tidewire.services.publishing import publish
from tidewire.services.users import operations
from tidewire.services.users.records import require_server
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.sessions import end_sessions, find_session, sessions_of
from tidewire.store.records.users import find_account, find_user

MOST_RECENT: Final = "recent"
"""Instead of an id: the user's newest session."""

_READ: Final = ("users.read", "sessions.read")
_WRITE: Final = ("users.write", "sessions.write")
_SESSIONS: Final = "/users/{userId}/sessions"


@operations.read("listSessions", "GET", _SESSIONS, scopes=_READ)
def list_sessions(
    connection: Connection, context: Context, user_id: ResourceId, total: Boolean = True
) -> SessionList:
    """List the sessions of a user."""
    find_user(connection, user_id)
    # Impersonators may see sessions, and never what opens an account elsewhere.
    encryption = context.encryption if context.caller.bypasses_permissions else None
    sessions = [session_of(row, encryption=encryption) for row in sessions_of(connection, user_id)]
    return SessionList(total=len(sessions) if total else 0, sessions=sessions)


@operations.audited("createSession", "POST", _SESSIONS, scopes=_WRITE, status=201, event=SESSION_CREATED)
def create_session(transaction: Transaction, context: Context, visit: Visit, user_id: CustomId) -> Session:
    """Sign a user in; the answer holds the secret, which a server hands to the user's client."""
    require_server(context)
    find_user(transaction.connection, user_id)
    started = start_session(transaction, context, user_id, Login(SERVER, "", "server", visit))
    return msgspec.structs.replace(started.session, secret=started.encoded)


@operations.write(
    "deleteSession", "DELETE", f"{_SESSIONS}/{{sessionId}}", scopes=_WRITE, event=SESSION_DELETED
)
def delete_session(
    transaction: Transaction, context: Context, user_id: ResourceId, session_id: ResourceId
) -> None:
    """End a session of a user."""
    require_server(context)
    find_user(transaction.connection, user_id)
    publish_ended(transaction, context, [find_session(transaction.connection, user_id, session_id)])


@operations.write("deleteSessions", "DELETE", _SESSIONS, scopes=_WRITE, event=SESSIONS_DELETED)
def delete_sessions(transaction: Transaction, context: Context, user_id: ResourceId) -> None:
    """End all sessions of a user."""
    require_server(context)
    connection = transaction.connection
    account = find_account(connection, user_id)
    end_sessions(connection, [row.id for row in sessions_of(connection, user_id)])
    publish(transaction, context, SESSIONS_DELETED, {"userId": user_id}, account)


@operations.audited(
    "createToken", "POST", "/users/{userId}/tokens", scopes=("users.write",), status=201, event=TOKEN_CREATED
)
def create_token(
    transaction: Transaction,
    context: Context,
    visit: Visit,
    user_id: ResourceId,
    length: Annotated[int, Whole(4, 128)] = 6,
    expire: Annotated[int, Whole(60, 31536000)] = 900,
) -> Token:
    """Make a secret of ``length`` hexadecimal digits with which a user signs in once.

    It works for ``expire`` seconds.
    """
    find_user(transaction.connection, user_id)
    secret = secrets.token_hex((length + 1) // 2)[:length]
    token = issue_token(transaction.connection, visit, user_id, "generic", secret, seconds=expire).token
    publish_token(transaction, context, TOKEN_CREATED, token, secret)
    return msgspec.structs.replace(token, secret=secret)


@operations.read("createJWT", "POST", "/users/{userId}/jwts", scopes=("users.write",), status=201)
def create_jwt(
    connection: Connection,
    context: Context,
    user_id: ResourceId,
    session_id: ResourceId = MOST_RECENT,
    duration: Annotated[int, Whole(0, 3600)] = 900,
) -> Jwt:
    """Make a token that stands for a session of a user for ``duration`` seconds.

    If the user has no session, the newest is none: the token then stands for the user alone.
    """
    find_user(connection, user_id)
    if session_id != MOST_RECENT:
        return jwt_of(context, user_id, find_session(connection, user_id, session_id).id, duration)
    running = sessions_of(connection, user_id)
    return jwt_of(context, user_id, running[-1].id if running else "", duration)
