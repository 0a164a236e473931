"""Writes one mail and gives it to a server: the process ``python -m tidewire.outgoing.messaging.mailer``.

It reads an order on standard input, as msgpack, uses the connection that it inherits, and writes what became
of the mail in the same way.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
import sys
from typing import Final

import msgspec

from tidewire.outbound.smtp import MailServer, Security
from tidewire.outgoing.messaging.couriers import Letter, Provider
from tidewire.outgoing.messaging.mime import mime_of
from tidewire.outgoing.messaging.smtp_outcome import Given, given

MEMORY_BYTES: Final = 2 * 1024 * 1024 * 1024
CPU_SECONDS: Final = 120
_NICENESS: Final = 10
"""Events and requests come before mails."""


class Order(msgspec.Struct):
    """A mail that is to be written and given."""

    connection: int
    """Descriptor of the connection to the server, which is inherited."""
    host: str
    port: int
    username: str
    password: str
    security: Security
    own_name: str
    """What the server is told of ours."""
    addresses: list[str]
    provider: Provider
    letter: Letter


async def carried(order: Order) -> Given:
    """What became of the mail."""
    try:
        mail = mime_of(order.provider, order.letter)
    except ValueError as error:
        return Given(problem=str(error))
    with socket.socket(fileno=order.connection) as connection:
        server = MailServer(
            order.host, order.port, order.username, order.password, order.security, None, connection
        )
        return await given(server, mail, order.own_name, ssl.create_default_context(), order.addresses)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(_NICENESS)
    outcome = asyncio.run(carried(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)))
    sys.stdout.buffer.write(msgspec.msgpack.encode(outcome))
