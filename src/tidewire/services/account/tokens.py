"""JSON Web Tokens, with which servers act for a user."""

from __future__ import annotations

from typing import Annotated

from tidewire.core.checks.numbers import Whole
from tidewire.core.errors import TidewireError
from tidewire.core.models import Jwt
from tidewire.core.rate_limits import RateLimit
from tidewire.core.time import now
from tidewire.services.account import operations
from tidewire.services.account.records import signed_in
from tidewire.services.account.session_records import find_session
from tidewire.services.account.sign_up import require_method
from tidewire.services.context import Context
from tidewire.store.records.identities import encode_jwt


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
    expires = now() + duration * 1000
    return Jwt(
        jwt=encode_jwt(identity.user_id, identity.session_id, expires, context.jwt_secret, context.project.id)
    )
