"""Beginning and ending sessions, with all that follows from it."""

from __future__ import annotations

import msgspec
from sqlalchemy import Row

from tidewire.core.models import Session
from tidewire.core.time import format_datetime, now
from tidewire.services.account.records import find_user
from tidewire.services.account.session_records import (
    Login,
    NewSession,
    end_sessions,
    insert_session,
    session_of,
    sessions_of,
)
from tidewire.services.audit import record
from tidewire.services.context import Context, StartedSession
from tidewire.services.messages import session_alert_mail
from tidewire.services.outgoing import enqueue_mail
from tidewire.services.publishing import publish
from tidewire.store.engine.database import Transaction
from tidewire.store.records.projects import CONSOLE_PROJECT_ID

SESSION_CREATED = "users.[userId].sessions.[sessionId].create"
SESSION_DELETED = "users.[userId].sessions.[sessionId].delete"

SERVER = "server"
"""Provider of sessions that a server made for its user."""
_BY_MAIL = frozenset({"magic-url", "email"})
"""Factors that are themselves mails to the user: one about them would tell nothing new."""


def start_session(transaction: Transaction, context: Context, user_id: str, login: Login) -> NewSession:
    """Sign the user in. The oldest sessions give way if there are too many."""
    settings = context.project.settings
    earlier = sessions_of(transaction.connection, user_id)
    started = insert_session(transaction.connection, user_id, login, settings.session_duration)
    if settings.session_limit:
        surplus = earlier[: max(0, len(earlier) + 1 - settings.session_limit)]
        publish_ended(transaction, context, surplus)
    if _alerts(context) and earlier and login.factor not in _BY_MAIL:
        _alert(transaction, context, user_id, login)
    parameters = {"userId": user_id, "sessionId": started.session.id}
    # In events the current session is the one that acts; a server acts by none.
    begun = msgspec.structs.replace(started.session, current=login.provider != SERVER)
    publish(transaction, context, SESSION_CREATED, parameters, begun)
    record(transaction, user_id, "session.create", login.visit)
    return started


def signed_in_answer(context: Context, started: NewSession) -> Session:
    """Hand a new session to its client, and answer with it."""
    context.session_started = StartedSession(started.encoded, started.expires)
    # Servers that sign their visitors in by API key have to pass the secret on; browsers get it as a cookie.
    secret = started.encoded if context.caller.bypasses_permissions else ""
    return msgspec.structs.replace(started.session, current=True, secret=secret)


def publish_ended(transaction: Transaction, context: Context, ended: list[Row[tuple[object, ...]]]) -> None:
    """End sessions and tell of each; ``current`` is the one that the caller acts by."""
    identity = context.caller.identity
    acting = identity.session_id if identity else ""
    end_sessions(transaction.connection, [row.id for row in ended])
    for row in ended:
        parameters = {"userId": row.user_id, "sessionId": row.id}
        publish(transaction, context, SESSION_DELETED, parameters, session_of(row, current=row.id == acting))


def end_other_sessions(transaction: Transaction, context: Context, user_id: str, kept: str) -> None:
    """End all sessions of a user but the one with the id ``kept``."""
    others = [row for row in sessions_of(transaction.connection, user_id) if row.id != kept]
    publish_ended(transaction, context, others)


def _alerts(context: Context) -> bool:
    """Whether people are told by mail of new sessions."""
    if context.project.id == CONSOLE_PROJECT_ID:
        return context.settings.console_session_alerts
    return context.project.settings.session_alerts


def _alert(transaction: Transaction, context: Context, user_id: str, login: Login) -> None:
    user = find_user(transaction.connection, user_id)
    if user.email:
        visit = login.visit
        time = format_datetime(now())[:16].replace("T", " ") + " UTC"
        mail = session_alert_mail(
            context.project_name, user.name, visit.device, visit.ip, visit.country_name, time
        )
        enqueue_mail(transaction, user.email, user.name, mail)
