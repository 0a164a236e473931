"""Sessions, tokens and JWTs that servers make for users."""

from __future__ import annotations

import secrets
from typing import Annotated, Final

import msgspec

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.models import Jwt, Session, SessionList, Token
from tidewire.core.time import now
from tidewire.services.account.records import find_account, find_user
from tidewire.services.account.sign_in import (
    SERVER,
    Login,
    NewSession,
    end_sessions,
    find_session,
    publish_ended,
    session_of,
    sessions_of,
    start_session,
)
from tidewire.services.context import Context
from tidewire.services.one_time import issue_token, publish_token
from tidewire.services.publishing import publish
from tidewire.services.users import operations
from tidewire.services.users.events import (
    SESSION_CREATED,
    SESSION_DELETED,
    SESSIONS_DELETED,
    TOKEN_CREATED,
)
from tidewire.services.users.records import require_server
from tidewire.services.visits import visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.identities import encode_jwt

MOST_RECENT: Final = "recent"
"""Instead of an id: the user's newest session."""


@operations.declare("listSessions", "GET", "/users/{userId}/sessions", scopes=("users.read", "sessions.read"))
async def list_sessions(context: Context, user_id: ResourceId, total: Boolean = True) -> SessionList:
    """List the sessions of a user."""

    def unit(connection: Connection) -> SessionList:
        find_user(connection, user_id)
        sessions = [session_of(row) for row in sessions_of(connection, user_id)]
        return SessionList(total=len(sessions) if total else 0, sessions=sessions)

    return await context.database.read(unit)


@operations.declare(
    "createSession",
    "POST",
    "/users/{userId}/sessions",
    scopes=("users.write", "sessions.write"),
    status=201,
    event=SESSION_CREATED,
)
async def create_session(context: Context, user_id: CustomId) -> Session:
    """Sign a user in; the answer holds the secret, which a server hands to the user's client."""
    require_server(context)
    login = Login(SERVER, "", "server", await visit_of(context))

    def unit(transaction: Transaction) -> NewSession:
        find_user(transaction.connection, user_id)
        return start_session(transaction, context, user_id, login)

    started = await context.database.write(unit)
    return msgspec.structs.replace(started.session, secret=started.encoded)


@operations.declare(
    "deleteSession",
    "DELETE",
    "/users/{userId}/sessions/{sessionId}",
    scopes=("users.write", "sessions.write"),
    event=SESSION_DELETED,
)
async def delete_session(context: Context, user_id: ResourceId, session_id: ResourceId) -> None:
    """End a session of a user."""
    require_server(context)

    def unit(transaction: Transaction) -> None:
        find_user(transaction.connection, user_id)
        publish_ended(transaction, context, [find_session(transaction.connection, user_id, session_id)])

    await context.database.write(unit)


@operations.declare(
    "deleteSessions",
    "DELETE",
    "/users/{userId}/sessions",
    scopes=("users.write", "sessions.write"),
    event=SESSIONS_DELETED,
)
async def delete_sessions(context: Context, user_id: ResourceId) -> None:
    """End all sessions of a user."""
    require_server(context)

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        find_user(connection, user_id)
        end_sessions(connection, [row.id for row in sessions_of(connection, user_id)])
        account = find_account(connection, user_id)
        publish(transaction, context, SESSIONS_DELETED, {"userId": user_id}, account)

    await context.database.write(unit)


@operations.declare(
    "createToken",
    "POST",
    "/users/{userId}/tokens",
    scopes=("users.write",),
    status=201,
    event=TOKEN_CREATED,
)
async def create_token(
    context: Context,
    user_id: ResourceId,
    length: Annotated[int, Whole(4, 128)] = 6,
    expire: Annotated[int, Whole(60, 31536000)] = 900,
) -> Token:
    """Make a secret of ``length`` hexadecimal digits with which a user signs in once.

    It works for ``expire`` seconds.
    """
    visit = await visit_of(context)
    secret = secrets.token_hex((length + 1) // 2)[:length]

    def unit(transaction: Transaction) -> Token:
        find_user(transaction.connection, user_id)
        token = issue_token(
            transaction.connection, context.encryption, user_id, "generic", secret, expire, visit
        ).token
        publish_token(transaction, context, TOKEN_CREATED, token, secret)
        return msgspec.structs.replace(token, secret=secret)

    return await context.database.write(unit)


@operations.declare("createJWT", "POST", "/users/{userId}/jwts", scopes=("users.write",), status=201)
async def create_jwt(
    context: Context,
    user_id: ResourceId,
    session_id: ResourceId = MOST_RECENT,
    duration: Annotated[int, Whole(0, 3600)] = 900,
) -> Jwt:
    """Make a token that stands for a session of a user for ``duration`` seconds.

    Without any session the newest of them is none: the token then stands for the user alone.
    """

    def unit(connection: Connection) -> str:
        find_user(connection, user_id)
        if session_id != MOST_RECENT:
            return str(find_session(connection, user_id, session_id).id)
        running = sessions_of(connection, user_id)
        return str(running[-1].id) if running else ""

    found = await context.database.read(unit)
    expires = now() + duration * 1000
    return Jwt(jwt=encode_jwt(user_id, found, expires, context.jwt_secret, context.project.id))
