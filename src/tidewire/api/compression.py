"""Answers in JSON, compressed (gzip, RFC 1952) for clients that ask for it.

An answer that holds a secret never is: how well it compresses would tell something of the secret to whoever
sees its length and can have text of theirs put beside it (BREACH).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Final, cast, get_args, get_origin

import msgspec

from tidewire.core.models import MfaChallengeSecret

try:
    from isal import isal_zlib as _zlib  # several times as fast
except ImportError:
    _zlib = cast("Any", zlib)

VARY: Final = (b"vary", b"Accept-Encoding")
ENCODED: Final = (b"content-encoding", b"gzip")
LARGE: Final = 128 * 1024
"""Bytes from which on an answer is compressed beside the event loop."""

_EFFORT: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS
_SECRETS: Final = frozenset(
    {
        "auth_password", "jwt", "otp", "password", "provider_access_token", "provider_refresh_token",
        "recovery_codes", "secret", "uri",
    }
)  # fmt: skip
"""Fields of models that hold secrets."""
_SECRET_MODELS: Final = frozenset({MfaChallengeSecret})
"""Models that hold a secret in a field whose name means something else in other models."""


async def compressed(body: bytes) -> bytes:
    """The gzip form of ``body``; large ones are made in a thread, while others are served."""
    if len(body) < LARGE:
        return _zlib.compress(body, _EFFORT, _GZIP)
    return await asyncio.to_thread(_zlib.compress, body, _EFFORT, _GZIP)


def compressed_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The gzip form of a text that is made a piece at a time; for a thread."""
    compressor = _zlib.compressobj(_EFFORT, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        made = compressor.compress(piece)
        if made:
            yield made
    yield compressor.flush()


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Whether a client that sends this ``Accept-Encoding`` (RFC 9110, 12.5.3) takes gzip."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, *parameters = (each.strip() for each in part.split(";"))
        weights[coding] = _weight(parameters)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def holds_secrets(model: Any) -> bool:
    """Whether an answer of this type can hold a secret, itself or in what it lists."""
    return _holds(model, set())


def _holds(type_: Any, seen: set[Any]) -> bool:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        if type_ in seen:
            return False
        if type_ in _SECRET_MODELS:
            return True
        seen.add(type_)
        fields = msgspec.structs.fields(type_)
        return any(field.name in _SECRETS or _holds(field.type, seen) for field in fields)
    if get_origin(type_) is Annotated or get_args(type_) or isinstance(type_, UnionType):
        return any(_holds(argument, seen) for argument in get_args(type_))
    return False
