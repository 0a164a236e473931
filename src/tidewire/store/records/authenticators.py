"""Second factors: authenticator apps (TOTP, RFC 6238), codes that are sent, recovery codes."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from typing import Any, Final

import pyotp
from sqlalchemy import Row, delete, update

from tidewire.core.ids import unique_id
from tidewire.core.models import MfaType
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.records.rows import find_row, insert_row, update_row
from tidewire.store.schema import authenticators
from tidewire.store.secrets.encryption import Encryption, SealError

RECOVERY_CODES: Final = 6
"""The number of recovery codes that are made at a time."""

_CODE_BYTES: Final = 8
_STEP_SECONDS: Final = 30
_TOLERATED_STEPS: Final = (-1, 0, 1)
"""Time steps by which a code may be off: clocks of phones are inexact, and typing takes a while."""


def new_recovery_codes() -> list[str]:
    """New recovery codes, too long to be guessed."""
    return [secrets.token_hex(_CODE_BYTES) for _ in range(RECOVERY_CODES)]


def seal_codes(encryption: Encryption, codes: Sequence[str]) -> list[str]:
    """The codes as they are stored."""
    return [encryption.seal(code) for code in codes]


def open_codes(encryption: Encryption, sealed: Sequence[str]) -> list[str]:
    """The stored codes; without those that cannot be read any more."""
    codes = []
    for each in sealed:
        try:
            codes.append(encryption.open(each))
        except SealError:
            continue
    return codes


def without_code(encryption: Encryption, sealed: Sequence[str], code: str) -> list[str] | None:
    """The codes that remain stored after ``code`` is used; None if it is not one of them."""
    used = [each for each in sealed if any(_same(known, code) for known in open_codes(encryption, [each]))]
    return [each for each in sealed if each not in used] if used else None


def find_authenticator(connection: Connection, user_id: str) -> Row[Any] | None:
    """The authenticator app of a user, verified or not."""
    return find_row(connection, authenticators, user_id=user_id, type="totp")


def replace_authenticator(
    connection: Connection, encryption: Encryption, user_id: str, account: str, issuer: str
) -> MfaType:
    """Make a secret for an authenticator app; it counts once a code of it was shown.

    ``account`` and ``issuer`` are what the app calls it.
    """
    delete_authenticator(connection, user_id)
    secret = pyotp.random_base32()
    sealed = encryption.seal(secret)
    insert_row(connection, authenticators, id=unique_id(), user_id=user_id, type="totp", secret=sealed)
    # A colon separates the two names in the address.
    label, name = account.replace(":", " "), issuer.replace(":", " ")
    return MfaType(secret=secret, uri=pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=name))


def verify_authenticator(connection: Connection, row: Row[Any]) -> None:
    """Mark the authenticator as verified: its codes count from now on."""
    update_row(connection, authenticators, row.sequence, verified=True)


def delete_authenticator(connection: Connection, user_id: str) -> None:
    """Delete the authenticator app of a user."""
    connection.execute(
        delete(authenticators).where(authenticators.c.user_id == user_id, authenticators.c.type == "totp")
    )


def matching_step(encryption: Encryption, row: Row[Any], code: str) -> int | None:
    """The time step that a code belongs to; None if it belongs to no step near the present."""
    try:
        totp = pyotp.TOTP(encryption.open(row.secret))
    except SealError:
        return None
    present = now() // 1000 // _STEP_SECONDS
    found = None
    for step in (present + offset for offset in _TOLERATED_STEPS):
        if _same(totp.generate_otp(step), code):
            found = step
    return found


def use_authenticator(connection: Connection, encryption: Encryption, user_id: str, code: str) -> bool:
    """Whether the code is the app's and was not used before (RFC 6238, 5.2); it cannot be used again."""
    row = find_authenticator(connection, user_id)
    if row is None or not row.verified:
        return False
    step = matching_step(encryption, row, code)
    if step is None or step <= row.last_step:
        return False
    connection.execute(
        update(authenticators).where(authenticators.c.sequence == row.sequence).values(last_step=step)
    )
    return True


def _same(known: str, shown: str) -> bool:
    return hmac.compare_digest(known.encode(), shown.encode())
