"""Limits on new users, and the ways to sign in that a project allows."""

from __future__ import annotations

from hmac import compare_digest

from tidewire.core.errors import TidewireError
from tidewire.services.context import Context
from tidewire.store.engine.connection import Connection
from tidewire.store.records.users import count_users
from tidewire.store.secrets.purposes import sign_up_code


def require_method(context: Context, method: str) -> None:
    """Refuse a way to sign in that the project has switched off; servers may use them all.

    Raises :class:`TidewireError` ``user_auth_method_unsupported``.
    """
    if context.caller.bypasses_permissions or context.project.settings.allows_auth_method(method):
        return
    raise TidewireError(
        "user_auth_method_unsupported", f"This project has switched off signing in by {method}."
    )


def require_room(connection: Connection, context: Context) -> None:
    """Refuse a further user if the project is full, or if the console is closed to new users.

    Raises :class:`TidewireError` ``user_count_exceeded``, ``user_console_count_exceeded`` or
    ``user_ip_not_whitelisted``.
    """
    if context.project.id == "console":
        _require_console_room(connection, context)
    limit = context.project.settings.user_limit
    if limit and count_users(connection, limit) >= limit:
        raise TidewireError(
            "user_count_exceeded", f"This project has all the {limit} users that it may have."
        )


def _require_console_room(connection: Connection, context: Context) -> None:
    rule = context.settings.console_signup
    if rule == "open":
        return
    if count_users(connection, 1):
        raise TidewireError(
            "user_console_count_exceeded",
            "The console has its first account: further people need an invitation to a team, or the setting "
            "`console_signup`.",
        )
    if context.client.from_this_machine:
        return
    if rule == "localhost":
        raise TidewireError(
            "user_ip_not_whitelisted", "The first account of the console can be made on the server only."
        )
    if not compare_digest(context.client.sign_up_code.encode(), sign_up_code(context.jwt_secret).encode()):
        raise TidewireError(
            "user_ip_not_whitelisted",
            "The first account of the console can be made on the server, or with the code that "
            "`tidewire serve` printed there, in X-Tidewire-Sign-Up-Code or as signUpCode in the URL.",
        )
