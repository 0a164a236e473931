"""The account service: users manage themselves and their sessions."""

from __future__ import annotations

from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.services.context import Context
from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("account")


def signed_in(context: Context) -> Identity:
    """The user who makes the request.

    Raises ``general_unauthorized_scope`` if it is no user of this project. An owner of the project, who is a
    user of the console, is none.
    """
    if context.caller.kind != "user" or context.caller.identity is None:
        raise TidewireError(
            "general_unauthorized_scope", "Sign in first: this is about the account of the caller."
        )
    return context.caller.identity
