"""Bun's WebSockets (uWebSockets, C++) behind a small JavaScript server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.native import Endpoint, LoadGenerator, pinned
from benchmarks.payload import event_text
from benchmarks.peers import Running, read_port, stop
from benchmarks.peers.install import from_npm
from benchmarks.rest_client import http_request

VERSION: Final = "1.4.5"
SERVER: Final = Path(__file__).with_name("bun_server.js")
ROW: Final = '{"subscriptionId":"@id@","channels":["bench"]}'
ONE_OF_TEN: Final = '{"subscriptionId":"@id@","channels":["bench@place@"]}'


class Bun:
    """`bun_server.js`: its own pub/sub, or one `send` for each receiver with the receiver's id."""

    def __init__(self, own_ids: bool) -> None:
        self.own_ids = own_ids
        self.name = "Bun, own ids" if own_ids else "Bun pub/sub"

    def prepare(self) -> None:
        """Fetch Bun."""
        from_npm("bun", VERSION, "bun")

    @contextmanager
    def start(self, core: int, load: LoadGenerator) -> Iterator[Running]:
        """Start it; it takes no set-up."""
        program = str(from_npm("bun", VERSION, "bun").resolve())
        command = [*pinned(core), program, "run", str(SERVER), "own-ids" if self.own_ids else "pub/sub"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                port = read_port(process)
                yield Running(
                    process.pid,
                    Endpoint(port, "/", ROW, shared=not self.own_ids),
                    Endpoint(port, "/", ONE_OF_TEN, subscriptions=10),
                    {"event": http_request("POST", "/", {}, event_text().encode())},
                    compresses=True,
                )
            finally:
                stop(process)
