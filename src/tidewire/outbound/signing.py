"""Tokens signed by private keys that projects bring (RFC 7519), each in a process of its own.

Before an RSA key is used the library looks whether it is sound. That takes 0.1 seconds for a key of 2,048
bits and ten for one of 8,192, and holds the interpreter all the while, in whatever thread. So nobody's key is
loaded in the process that serves everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidewire.outbound.own_process import OwnProcessError, ask_process
from tidewire.outbound.signer import ERROR_CODE, Order

SECONDS: Final = 20.0
"""In which a key has to be loaded, and the token to be signed."""
_MODULE: Final = "tidewire.outbound.signer"
_AT_ONCE: Final = 2
_LONGEST_KEY: Final = 16 * 1024
"""Characters; an RSA key of 8,192 bits has 6,400."""


class SigningError(ValueError):
    """A key that can sign nothing; the text says why."""


class Signer:
    """Signs tokens, a few at the same time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def sign(
        self, claims: Mapping[str, Any], private_key: str, algorithm: str, headers: Mapping[str, str]
    ) -> str:
        """A token with these claims; ``private_key`` is PEM, ``algorithm`` one of RFC 7518: ``RS256``.

        Takes a process, which is a few tenths of a second: keep what is signed. Raises
        :class:`SigningError`.
        """
        if len(private_key) > _LONGEST_KEY:
            raise SigningError(f"the key has more than {_LONGEST_KEY} characters")
        order = Order(dict(claims), private_key, algorithm, dict(headers))
        async with self._free:
            try:
                code, written = await ask_process(_MODULE, msgspec.msgpack.encode(order), SECONDS)
            except OwnProcessError as error:
                raise SigningError(f"nothing was signed: {error}") from None
        said = written.decode()
        if code == 0:
            return said
        raise SigningError(said if code == ERROR_CODE and said else "the key cannot be used")
