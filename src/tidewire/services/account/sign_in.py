"""Signing users in and out: sessions begin, are shown, and end, with their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tidewire.core.models import Jwt, Session
from tidewire.core.time import format_datetime, now
from tidewire.services.account.events import SESSION_CREATED, SESSION_DELETED
from tidewire.services.answers import datetime_or_empty, opened, shown
from tidewire.services.audit import record
from tidewire.services.context import Context, StartedSession
from tidewire.services.messages.mails import session_alert
from tidewire.services.outgoing import mail_user
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.projects import CONSOLE_PROJECT_ID
from tidewire.store.records.sessions import end_sessions, insert_session, sessions_of
from tidewire.store.records.users import find_user
from tidewire.store.secrets.credentials import encode_jwt
from tidewire.store.secrets.encryption import Encryption


@dataclass(frozen=True)
class Login:
    """How a user proved to be that user, and from where."""

    provider: str
    """The name that sessions give it: ``email``, ``phone``, ``magic-url``, ``token``, ``anonymous``, ..."""
    provider_uid: str
    factor: str
    """``password``, ``email``, ``phone``, ``token`` or ``anonymous``."""
    visit: Visit
    provider_tokens: Mapping[str, Any] | None = None
    """The columns of a session with what a provider elsewhere gave, sealed; None for a sign-in here."""

    @property
    def factors(self) -> list[str]:
        """The means that count; those of a provider elsewhere are its own business, and enough."""
        return [self.factor] if self.provider_tokens is None else [self.factor, OAUTH2]


@dataclass(frozen=True)
class NewSession:
    """A session just made, with the secret that only its client will know."""

    session: Session
    """The session without its secret."""
    encoded: str
    """Id of the user and secret, as clients keep them."""
    expires: int
    """Milliseconds since the epoch."""


OAUTH2: Final = "oauth2"
"""What a sign-in at another provider adds to the factors of its session."""


def session_of(row: Row[Any], *, current: bool = False, encryption: Encryption | None = None) -> Session:
    """The session as the API shows it, without its secret.

    The tokens of a provider elsewhere are opened with ``encryption``, for the user and for servers; without
    it they are left out, as in events.
    """
    return shown(
        Session,
        row,
        expire=format_datetime(row.expires_at),
        provider_access_token=opened(encryption, row.provider_access_token),
        provider_refresh_token=opened(encryption, row.provider_refresh_token),
        provider_access_token_expiry=datetime_or_empty(row.provider_access_token_expires_at),
        current=current,
        secret="",
    )


SERVER = "server"
"""Provider of sessions that a server made for its user."""
_BY_MAIL = frozenset({"magic-url", "email"})
"""Factors that are themselves mails to the user: one about them would tell nothing new."""


def start_session(transaction: Transaction, context: Context, user_id: str, login: Login) -> NewSession:
    """Sign the user in. The oldest sessions give way if there are too many."""
    settings = context.project.settings
    earlier = sessions_of(transaction.connection, user_id)
    row, encoded = insert_session(
        transaction.connection,
        user_id,
        settings.session_duration,
        provider=login.provider,
        provider_uid=login.provider_uid,
        factors=login.factors,
        **login.visit.columns(),
        **(login.provider_tokens or {}),
    )
    started = NewSession(session_of(row, encryption=context.encryption), encoded, row.expires_at)
    if settings.session_limit:
        surplus = earlier[: max(0, len(earlier) + 1 - settings.session_limit)]
        publish_ended(transaction, context, surplus)
    by_mail = login.factor in _BY_MAIL and login.provider_tokens is None
    if _alerts(context) and earlier and not by_mail:
        _alert(transaction, context, user_id, login)
    parameters = {"userId": user_id, "sessionId": started.session.id}
    # In events the current session is the one that acts; a server acts by none.
    begun = msgspec.structs.replace(session_of(row), current=login.provider != SERVER)
    publish(transaction, context, SESSION_CREATED, parameters, begun)
    record(transaction, user_id, "session.create", login.visit)
    return started


def signed_in_answer(context: Context, started: NewSession) -> Session:
    """The answer for a new session, whose secret goes to the client in cookies and headers."""
    context.session_started = StartedSession(started.encoded, started.expires)
    # Servers that sign their visitors in by API key have to pass the secret on; browsers get it as a cookie.
    secret = started.encoded if context.caller.bypasses_permissions else ""
    return msgspec.structs.replace(started.session, current=True, secret=secret)


def publish_ended(transaction: Transaction, context: Context, ended: list[Row[Any]]) -> None:
    """End sessions, each with its event, where ``current`` marks the session of the request."""
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


def jwt_of(context: Context, user_id: str, session_id: str, duration: int) -> Jwt:
    """A token that stands for a session of a user for ``duration`` seconds."""
    expires = now() + duration * 1000
    return Jwt(jwt=encode_jwt(user_id, session_id, expires, context.jwt_secret, context.project.id))


def _alerts(context: Context) -> bool:
    """Whether people are told by mail of new sessions."""
    if context.project.id == CONSOLE_PROJECT_ID:
        return context.settings.console_session_alerts
    return context.project.settings.session_alerts


def _alert(transaction: Transaction, context: Context, user_id: str, login: Login) -> None:
    user = find_user(transaction.connection, user_id)
    if user.email:
        visit = login.visit
        occasion = session_alert(visit.agent, visit.ip, visit.country_name)
        mail_user(transaction, context, user.email, user.name, occasion)
