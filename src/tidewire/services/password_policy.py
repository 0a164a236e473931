"""The password policy of a project: strength, and no common, personal or earlier passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tidewire.core.errors import TidewireError
from tidewire.core.project_settings import PasswordStrength, ProjectSettings
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.passwords import OWN_SCHEME, PasswordHasher
from tidewire.store.engine.connection import Row

_SHORTEST_PERSONAL: Final = 3
"""Shorter names are part of too many words to mean anything."""
_SHORTEST_PASSWORD: Final = 8


@dataclass(frozen=True)
class PersonalData:
    """Data of a user that others may know."""

    user_id: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""

    def words(self) -> Iterable[str]:
        """The words that a password should not contain, in lower case."""
        words = (self.user_id, self.name, self.email, self.email.partition("@")[0], self.phone.lstrip("+"))
        return {word.lower() for word in words if len(word) >= _SHORTEST_PERSONAL}


async def require_acceptable(settings: ProjectSettings, password: str, personal: PersonalData) -> None:
    """Refuse a new password that breaks the project's rules.

    Raises :class:`TidewireError` ``general_argument_invalid`` or ``password_personal_data``.
    """
    _require_strength(settings.password_strength, password)
    # Reading the list takes a while, once.
    if settings.password_dictionary and password.lower() in await asyncio.to_thread(common_passwords):
        raise _invalid("The password is one of the most common ones, which are tried first.")
    if settings.password_personal_data:
        lower = password.lower()
        if any(word in lower for word in personal.words()):
            raise TidewireError(
                "password_personal_data",
                "The password must not contain the user's id, name, email address or phone number.",
            )


async def require_unused(
    settings: ProjectSettings, passwords: PasswordHasher, password: str, user: Row[Any]
) -> None:
    """Refuse a password that is the user's or was one before, as far as the project looks back.

    Raises :class:`TidewireError` ``password_recently_used``.
    """
    if not settings.password_history:
        return
    history = list(user.password_history)
    # It is not there if the project began to look back only after it was set.
    if user.password_hash and user.hash == OWN_SCHEME and user.password_hash not in history:
        history.append(user.password_hash)
    for stored in history[-settings.password_history :]:
        if await passwords.verify(stored, password):
            raise TidewireError("password_recently_used", "The password was used recently: choose a new one.")


async def accepted_hash(context: Context, user: Row[Any], password: str) -> str:
    """The hash of a new password for a user, which the project accepts.

    Raises what :func:`require_acceptable` and :func:`require_unused` raise.
    """
    settings = context.project.settings
    personal = PersonalData(user.id, user.name, user.email or "", user.phone or "")
    await require_acceptable(settings, password, personal)
    await require_unused(settings, context.passwords, password, user)
    return await context.passwords.hash(password)


def password_columns(settings: ProjectSettings, new_hash: str, history: Sequence[str]) -> dict[str, Any]:
    """The values of a user's columns with a new password, hashed by us.

    ``history`` is the column's value so far. It holds the current password too, and is kept only while
    the project looks at it.
    """
    kept = [*history, new_hash][-settings.password_history :] if settings.password_history else []
    return {
        "password_hash": new_hash,
        "hash": OWN_SCHEME,
        "hash_options": {},
        "password_history": kept,
        "password_updated_at": now(),
    }


@cache
def common_passwords() -> frozenset[str]:
    """Some 11,600 common passwords of eight characters and more, in lower case.

    They are those of the 30,000 most frequent in leaks, as zxcvbn counts them, that are long enough to
    be used at all.
    """
    # Imported late: few projects ask for it, and the lists of the library take ten megabytes.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= _SHORTEST_PASSWORD)


def _require_strength(strength: PasswordStrength, password: str) -> None:
    missing = [
        what
        for wanted, found, what in (
            (True, len(password) >= strength.min, f"at least {strength.min} characters"),
            (strength.uppercase, any(map(str.isupper, password)), "an upper-case letter"),
            (strength.lowercase, any(map(str.islower, password)), "a lower-case letter"),
            (strength.number, any(map(str.isdigit, password)), "a digit"),
            (strength.symbols, not all(map(str.isalnum, password)), "a symbol"),
        )
        if wanted and not found
    ]
    if missing:
        raise _invalid(f"The password needs {', '.join(missing)}.")


def _invalid(message: str) -> TidewireError:
    return TidewireError("general_argument_invalid", f"Invalid `password` param: {message}")
