"""Who may make keys, so that nobody gets more rights out of a key than they have."""

from __future__ import annotations

from collections.abc import Iterable

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller


def require_person(caller: Caller) -> None:
    """Let only people make keys that last; raises ``key_creation_denied``.

    A key that could make others would outlive its own deletion.
    """
    if caller.kind == "key":
        raise TidewireError(
            "key_creation_denied", "An API key cannot create API keys: create an ephemeral key instead."
        )


def require_own_scopes(caller: Caller, scopes: Iterable[str]) -> None:
    """Let programs give a key only scopes that they have; raises ``key_creation_denied``."""
    if caller.kind != "key":
        return
    lacking = sorted(set(scopes) - caller.scopes)
    if lacking:
        raise TidewireError(
            "key_creation_denied",
            f"An API key can give away only scopes that it has, not {', '.join(lacking)}.",
        )
