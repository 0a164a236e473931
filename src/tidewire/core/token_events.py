"""Events of one-time secrets of users: verifications, recoveries and custom tokens.

Nobody is shown the secret with them but a webhook that asks for it, by naming these events themselves:
``users.*.verification.*.create``. One that wants all events of users gets them without.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_KINDS: Final = frozenset({"verification", "recovery", "tokens"})


def asks_for_secret(wanted: Iterable[str], names: Iterable[str]) -> bool:
    """Whether a webhook that wants events by the names ``wanted`` gets the secret of the event with these
    ``names``."""
    return any(is_of_secret(name) for name in frozenset(wanted).intersection(names))


def is_of_secret(name: str) -> bool:
    """Whether a name or pattern is one of events of one-time secrets."""
    words = name.split(".")
    return len(words) > 2 and words[0] == "users" and words[2] in _KINDS
