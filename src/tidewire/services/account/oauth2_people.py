"""Who somebody is that a provider has named: a user by an identity, by a verified address, or a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.oauth.contract import Profile, Tokens
from tidewire.services.account.events import (
    EMAIL_UPDATED,
    NAME_UPDATED,
    TOKEN_CREATED,
    USER_CREATED,
    VERIFICATION_UPDATED,
)
from tidewire.services.account.provider_tokens import sealed_tokens, session_columns
from tidewire.services.account.sign_in import (
    Login,
    NewSession,
    publish_ended,
    signed_in_answer,
    start_session,
)
from tidewire.services.account.sign_up import require_room
from tidewire.services.context import Context
from tidewire.services.one_time import issue_token, new_link_secret
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.sessions import find_session, sessions_of
from tidewire.store.records.targets import move_targets
from tidewire.store.records.unproven_accounts import close_ways_in
from tidewire.store.records.user_identities import held_elsewhere, identity_by_uid, keep_identity
from tidewire.store.records.users import change_user, find_user, insert_user, user_by


@dataclass(frozen=True)
class Ended:
    """A sign-in that succeeded."""

    user_id: str
    session: NewSession | None = None
    secret: str = ""
    """Of the token that a session is made from."""


async def end_sign_in(
    context: Context,
    provider: str,
    profile: Profile,
    tokens: Tokens,
    visit: Visit,
    *,
    user_id: str,
    joins: bool,
    as_token: bool,
) -> Ended:
    """Sign in whom the provider names, by a session or a token.

    If somebody was signed in when it began (``user_id``), and still is, the identity becomes theirs; not if
    the browser is not known to be the one that began it (``joins``). Everything is one transaction. Raises
    what a user is told.
    """
    current = context.caller.user_id if context.caller.kind == "user" else ""
    if user_id and user_id != current:
        raise TidewireError(
            "user_unauthorized", "You signed out, or in as somebody else, meanwhile: begin again."
        )
    sealed = sealed_tokens(context, tokens)

    def unit(transaction: Transaction) -> Ended:
        connection = transaction.connection
        if user_id and joins:
            user = _joined(transaction, context, provider, profile, user_id)
        else:
            user = _found_or_new(transaction, context, provider, profile)
        if not user.status:
            raise TidewireError("user_blocked", "This user has been blocked.")
        identity = keep_identity(
            connection, user.id, provider, profile.uid, provider_email=profile.email, **sealed
        )
        if as_token:
            secret = f"{identity.id}.{new_link_secret()}"
            token = issue_token(connection, visit, user.id, "oauth2", secret).token
            publish(transaction, context, TOKEN_CREATED, {"userId": user.id, "tokenId": token.id}, token)
            return Ended(user.id, secret=secret)
        login = Login(provider, profile.uid, "email", visit, session_columns(sealed))
        started = start_session(transaction, context, user.id, login)
        _end_former(transaction, context, started)
        return Ended(user.id, session=started)

    ended = await context.database.write(unit)
    if ended.session is not None:
        signed_in_answer(context, ended.session)
    return ended


def _joined(
    transaction: Transaction, context: Context, provider: str, profile: Profile, user_id: str
) -> Row[Any]:
    """The user who is signed in, to whom the identity is to belong from now on."""
    connection = transaction.connection
    held = identity_by_uid(connection, provider, profile.uid)
    same_address = user_by(connection, email=profile.email) if profile.email else None
    others = [each for each in (held and held.user_id, same_address and same_address.id) if each != user_id]
    if any(others) or (profile.email and held_elsewhere(connection, profile.email, user_id)):
        raise TidewireError(
            "user_already_exists", "This account there, or its address, is another user's here."
        )
    user = find_user(connection, user_id)
    if profile.email and not user.email:
        change_user(connection, user_id, email=profile.email)
        account = change_user(connection, user_id, email_verification=profile.email_verified)
        publish(transaction, context, EMAIL_UPDATED, {"userId": user_id}, account)
    return _known(transaction, context, profile, user_id)


def _found_or_new(transaction: Transaction, context: Context, provider: str, profile: Profile) -> Row[Any]:
    """The user with this identity, or with this address where the provider has verified it, or a new one."""
    connection = transaction.connection
    identity = identity_by_uid(connection, provider, profile.uid)
    if identity is not None:
        return _known(transaction, context, profile, identity.user_id)
    if not profile.email:
        raise TidewireError(
            "user_unauthorized", "The provider tells no e-mail address, which a new user needs."
        )
    user = user_by(connection, email=profile.email)
    taken = user is not None or held_elsewhere(connection, profile.email)
    if taken and not profile.email_verified:
        # Not more is said: nobody is to learn who has an account.
        raise TidewireError("general_bad_request", "The provider does not say that the address is yours.")
    if user is not None:
        if not user.email_verification:
            publish_ended(transaction, context, sessions_of(connection, user.id))
            close_ways_in(connection, user)
        return _known(transaction, context, profile, user.id)
    require_room(connection, context)
    made = insert_user(connection, unique_id(), name=profile.name, email=profile.email)
    if profile.email_verified:
        made = change_user(connection, made.id, email_verification=True)
    publish(transaction, context, USER_CREATED, {"userId": made.id}, made)
    return find_user(connection, made.id)


def _known(transaction: Transaction, context: Context, profile: Profile, user_id: str) -> Row[Any]:
    """A user, with what the provider knows and is not known here: a name, and that the address is theirs."""
    connection, parameters = transaction.connection, {"userId": user_id}
    user = find_user(connection, user_id)
    if profile.name and not user.name:
        account = change_user(connection, user_id, name=profile.name)
        publish(transaction, context, NAME_UPDATED, parameters, account)
    if profile.email_verified and profile.email == user.email and not user.email_verification:
        account = change_user(connection, user_id, email_verification=True)
        publish(transaction, context, VERIFICATION_UPDATED, parameters, account)
    return find_user(connection, user_id)


def _end_former(transaction: Transaction, context: Context, started: NewSession) -> None:
    """Have the new session take the place of the one that the browser showed."""
    identity = context.caller.identity
    if context.caller.kind != "user" or identity is None or not identity.session_id:
        return
    try:
        former = find_session(transaction.connection, identity.user_id, identity.session_id)
    except TidewireError:
        return  # it gave way to the new one already
    if identity.user_id == started.session.user_id:
        move_targets(transaction.connection, former.id, started.session.id)
    publish_ended(transaction, context, [former])
