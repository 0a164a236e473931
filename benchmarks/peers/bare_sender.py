"""The bare epoll loop in C: what the machine can do when nothing but sending is done."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.native import Endpoint, LoadGenerator, pinned
from benchmarks.payload import EVENT_BYTES
from benchmarks.peers import LIMIT, Running, read_port, stop
from benchmarks.rest_client import http_request


class BareSender:
    """`native/sender.c`."""

    name = LIMIT

    def prepare(self) -> None:
        """Nothing: it is compiled with the load generator."""

    @contextmanager
    def start(self, core: int, load: LoadGenerator) -> Iterator[Running]:
        """Start it; it takes no set-up."""
        command = [*pinned(core), str(load.directory / "sender"), f"--size={EVENT_BYTES}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                endpoint = Endpoint(read_port(process), "/", '{"subscriptionId":"@id@"}')
                yield Running(process.pid, endpoint, requests={"event": http_request("POST", "/", {}, {})})
            finally:
                stop(process)
