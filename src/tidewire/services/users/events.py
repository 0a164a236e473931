"""Events of users that servers cause. No event holds the hash of a password or another secret."""

from __future__ import annotations

from typing import Final

USER_CREATED: Final = "users.[userId].create"
NAME_UPDATED: Final = "users.[userId].update.name"
EMAIL_UPDATED: Final = "users.[userId].update.email"
PHONE_UPDATED: Final = "users.[userId].update.phone"
PASSWORD_UPDATED: Final = "users.[userId].update.password"  # noqa: S105 - a name
PREFERENCES_UPDATED: Final = "users.[userId].update.prefs"
STATUS_UPDATED: Final = "users.[userId].update.status"
LABELS_UPDATED: Final = "users.[userId].update.labels"
VERIFICATION_UPDATED: Final = "users.[userId].update.verification"
IMPERSONATOR_UPDATED: Final = "users.[userId].update.impersonator"
MFA_UPDATED: Final = "users.[userId].update.mfa"
MFA_DELETED: Final = "users.[userId].delete.mfa"
RECOVERY_CODES_CREATED: Final = "users.[userId].create.mfa.recovery-codes"
RECOVERY_CODES_UPDATED: Final = "users.[userId].update.mfa.recovery-codes"
SESSION_CREATED: Final = "users.[userId].sessions.[sessionId].create"
SESSION_DELETED: Final = "users.[userId].sessions.[sessionId].delete"
SESSIONS_DELETED: Final = "users.[userId].sessions.delete"
TOKEN_CREATED: Final = "users.[userId].tokens.[tokenId].create"  # noqa: S105 - a name
TARGET_CREATED: Final = "users.[userId].targets.[targetId].create"
TARGET_UPDATED: Final = "users.[userId].targets.[targetId].update"
TARGET_DELETED: Final = "users.[userId].targets.[targetId].delete"
IDENTITY_DELETED: Final = "users.[userId].identities.[identityId].delete"
