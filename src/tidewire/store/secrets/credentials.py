"""What clients show to say who they are: encoded sessions and JSON Web Tokens, read without a database."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import jwt
import msgspec

from tidewire.store.secrets.purposes import key_for

MAX_CREDENTIAL_LENGTH: Final = 2048
"""Characters of an encoded session or a user's JSON Web Token that are looked at."""
MAX_KEY_LENGTH: Final = 8192
"""Characters of an API key that are looked at: ephemeral ones carry all their scopes."""

_KEY_PREFIXES: Final = ("ephemeral_", "dynamic_")
_JWT_ALGORITHM: Final = "HS256"
_PUSH_SECONDS: Final = 3600
_MAX_SECONDS: Final = 253_402_300_799
"""The last second of the year 9999."""


class InvalidJwtError(Exception):
    """A token that is malformed, not signed by this server, or expired."""


class ExpiredJwtError(InvalidJwtError):
    """A token that this server signed and that was valid once."""


class _EncodedSession(msgspec.Struct):
    id: str
    """The id of the user."""
    secret: str


@dataclass(frozen=True)
class SessionClaims:
    """The claims of a user's JSON Web Token: whom it stands for."""

    user_id: str
    session_id: str
    """The id of the session; empty for a token that needs none."""
    expires: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True)
class KeyClaims:
    """What an API key is for that is itself a JSON Web Token."""

    project_id: str
    scopes: tuple[str, ...]
    expires: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True)
class FileTokenClaims:
    """The claims of a file token: which file it is for."""

    project_id: str
    bucket_id: str
    file_id: str
    token_id: str


Disposition = Literal["inline", "attachment"]


@dataclass(frozen=True)
class PushClaims:
    """Which file a push message shows, or a mail leads to."""

    project_id: str
    bucket_id: str
    file_id: str
    internal: bool = False
    """The file is one of the console's own project."""
    disposition: Disposition = "inline"


def encode_session(user_id: str, secret: str) -> str:
    """The text that clients keep of a session and send back."""
    return base64.b64encode(msgspec.json.encode(_EncodedSession(user_id, secret))).decode()


def decode_session(text: str) -> tuple[str, str] | None:
    """User id and secret of an encoded session; None if it is not one."""
    if len(text) > MAX_CREDENTIAL_LENGTH:
        return None
    try:
        # Strictly: of two sessions in one header the decoder would take the first and pass over the rest.
        padded = text + "=" * (-len(text) % 4)
        content = base64.b64decode(padded, b"-_" if {"-", "_"} & set(text) else None, validate=True)
        session = _decode_session(content)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    if not _storable(session.id) or not _storable(session.secret):
        return None
    return session.id, session.secret


def hash_secret(secret: str) -> str:
    """The form in which a random secret is stored: hexadecimal SHA-256.

    Secrets of sessions and keys are long and random, so that a slow hash would add nothing.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def encode_jwt(user_id: str, session_id: str, expires: int, jwt_secret: bytes, project_id: str = "") -> str:
    """A token that stands for a user until ``expires`` (milliseconds since the epoch).

    It ends with the session of that id. Without a session it must name the project.
    """
    claims = {"userId": user_id, "sessionId": session_id}
    if project_id:
        claims["projectId"] = project_id
    return _sign(claims, expires, key_for("user tokens", jwt_secret))


def decode_jwt(token: str, jwt_secret: bytes, now: int, project_id: str) -> SessionClaims:
    """Which user of a project a token stands for. Raises :class:`InvalidJwtError`.

    All projects share the secret, and people choose ids of users: only a session, whose id is the server's
    and random, or the name of the project ties a token to one project.
    """
    if len(token) > MAX_CREDENTIAL_LENGTH:
        raise InvalidJwtError("The token is too long.")
    claims, expires = _verify(token, key_for("user tokens", jwt_secret), now)
    user_id, session_id = claims.get("userId"), claims.get("sessionId", "")
    if not isinstance(user_id, str) or not isinstance(session_id, str):
        raise InvalidJwtError("The token names no user.")
    if not _storable(user_id) or not _storable(session_id):
        raise InvalidJwtError("The token names no user.")
    if claims.get("projectId", project_id if session_id else None) != project_id:
        raise InvalidJwtError("The token is for another project.")
    return SessionClaims(user_id, session_id, expires)


def encode_key(project_id: str, scopes: Sequence[str], expires: int, jwt_secret: bytes) -> str:
    """An ephemeral API key of a project, valid until ``expires`` (milliseconds since the epoch)."""
    claims = {"projectId": project_id, "scopes": list(scopes)}
    return "ephemeral_" + _sign(claims, expires, key_for("ephemeral keys", jwt_secret))


def is_ephemeral(key: str) -> bool:
    """Whether an API key is signed, and stored nowhere."""
    return key.startswith(_KEY_PREFIXES)


def decode_key(key: str, jwt_secret: bytes, now: int) -> KeyClaims:
    """What an ephemeral API key allows. Raises :class:`InvalidJwtError`."""
    if len(key) > MAX_KEY_LENGTH:
        raise InvalidJwtError("The key is too long.")
    claims, expires = _verify(key.partition("_")[2], key_for("ephemeral keys", jwt_secret), now)
    project_id, scopes = claims.get("projectId"), claims.get("scopes")
    if not isinstance(project_id, str) or not isinstance(scopes, list):
        raise InvalidJwtError("The token is no API key.")
    return KeyClaims(project_id, tuple(scope for scope in scopes if isinstance(scope, str)), expires)


def encode_file_token(claims: FileTokenClaims, created: int, expires: int, jwt_secret: bytes) -> str:
    """The text of a file token: always the same, until its expiry is changed.

    ``created`` and ``expires`` in milliseconds since the epoch; ``expires`` is 0 for a token without end.
    """
    named = {
        "tokenId": claims.token_id,
        "resourceId": f"{claims.bucket_id}:{claims.file_id}",
        "resourceType": "files",
        "projectId": claims.project_id,
        "iat": created // 1000,
    }
    whole_seconds = -(-expires // 1000) * 1000  # not before its time; the row is exact
    return _sign(named, whole_seconds, key_for("file tokens", jwt_secret))


def decode_file_token(token: str, jwt_secret: bytes, now: int) -> FileTokenClaims:
    """What a file token is for. Raises :class:`InvalidJwtError`."""
    if len(token) > MAX_CREDENTIAL_LENGTH:
        raise InvalidJwtError("The token is too long.")
    claims, _ = _verify(token, key_for("file tokens", jwt_secret), now, endless=True)
    named = [claims.get(name) for name in ("projectId", "resourceId", "tokenId")]
    if not all(isinstance(each, str) and _storable(each) for each in named):
        raise InvalidJwtError("The token names no file.")
    project_id, resource_id, token_id = map(str, named)
    bucket_id, _, file_id = resource_id.partition(":")
    return FileTokenClaims(project_id, bucket_id, file_id, token_id)


def encode_push_token(claims: PushClaims, created: int, jwt_secret: bytes) -> str:
    """A token that opens one file for an hour after ``created`` (milliseconds since the epoch)."""
    named = {
        "projectId": claims.project_id,
        "bucketId": claims.bucket_id,
        "fileId": claims.file_id,
        "internal": claims.internal,
        "disposition": claims.disposition,
        "iat": created // 1000,
    }
    return _sign(named, 0, key_for("files for push", jwt_secret))


def decode_push_token(token: str, jwt_secret: bytes, own_secret: bytes, now: int) -> PushClaims:
    """Which file a token opens. Raises :class:`InvalidJwtError`.

    ``own_secret`` is the one that the operator has chosen, empty if there is none: programs of theirs may
    sign with it. Nothing else is signed with it as it is. A token without an end lasts an hour.
    """
    if len(token) > MAX_CREDENTIAL_LENGTH:
        raise InvalidJwtError("The token is too long.")
    try:
        claims, expires = _verify(token, key_for("files for push", jwt_secret), now, endless=True)
    except ExpiredJwtError:
        raise
    except InvalidJwtError:
        if not own_secret:
            raise
        claims, expires = _verify(token, own_secret, now, endless=True)
    issued = claims.get("iat")
    if not expires and (not isinstance(issued, int | float) or (issued + _PUSH_SECONDS) * 1000 <= now):
        raise ExpiredJwtError("The token is expired.")
    named = [claims.get(name) for name in ("projectId", "bucketId", "fileId")]
    if not all(isinstance(each, str) and _storable(each) for each in named):
        raise InvalidJwtError("The token names no file.")
    project_id, bucket_id, file_id = map(str, named)
    shown: Disposition = "attachment" if claims.get("disposition") == "attachment" else "inline"
    return PushClaims(project_id, bucket_id, file_id, claims.get("internal") is True, shown)


_decode_session: Final = msgspec.json.Decoder(_EncodedSession).decode


def _sign(claims: Mapping[str, object], expires: int, key: bytes) -> str:
    end = {"exp": expires // 1000} if expires else {}
    return jwt.encode({**claims, **end}, key, algorithm=_JWT_ALGORITHM)


def _verify(token: str, key: bytes, now: int, *, endless: bool = False) -> tuple[dict[str, Any], int]:
    """The claims of a token and when it expires, in milliseconds; 0: never, if it may be ``endless``."""
    try:
        # The caller's clock decides about expiry, as it does for sessions.
        claims = jwt.decode(
            token,
            key,
            algorithms=[_JWT_ALGORITHM],
            options={
                "require": [] if endless else ["exp"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise InvalidJwtError("The token is malformed or was not signed by this server.") from error
    if "exp" not in claims:
        return claims, 0
    expires = claims["exp"]
    if not isinstance(expires, int | float) or not 0 < expires < _MAX_SECONDS or expires * 1000 <= now:
        raise ExpiredJwtError("The token is expired.")
    return claims, int(expires * 1000)


def _storable(text: str) -> bool:
    """Whether the text can be compared with stored text: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
