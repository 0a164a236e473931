"""Signs a token for :mod:`tidewire.outbound.signing`: the process ``python -m tidewire.outbound.signer``.

It reads an order on standard input, as msgpack, and writes the token; or why there is none, and ends with 1.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Any, Final

import jwt
import msgspec

ERROR_CODE: Final = 1
"""The exit code where the key can sign nothing."""
MEMORY_BYTES: Final = 1024 * 1024 * 1024
_NICENESS: Final = 10
"""Events and requests come before signatures."""


class Order(msgspec.Struct):
    """What is to be signed."""

    claims: dict[str, Any]
    private_key: str
    """As PEM."""
    algorithm: str
    headers: dict[str, str]


def token_of(order: Order) -> str:
    """The token. Raises ValueError, TypeError or ``jwt.PyJWTError`` if the key does not do for it."""
    return jwt.encode(order.claims, order.private_key, algorithm=order.algorithm, headers=order.headers)


def main() -> int:
    """Sign what standard input says; return the exit code."""
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)
    try:
        said, code = token_of(order), 0
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        said, code = str(error), ERROR_CODE
    sys.stdout.buffer.write(said.encode())
    return code


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(_NICENESS)
    sys.exit(main())
