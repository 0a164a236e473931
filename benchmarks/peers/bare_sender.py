"""The bare epoll loop in C: what the machine can do when nothing but sending is done."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benchmarks.native import LoadGenerator, pinned
from benchmarks.peers import EVENT_BYTES, LIMIT, Running, stop
from benchmarks.rest_client import http_request


class BareSender:
    """`native/sender.c`."""

    name = LIMIT

    @contextmanager
    def start(self, core: int, load: LoadGenerator) -> Iterator[Running]:
        """Start it; it takes no set-up."""
        command = [*pinned(core), str(load.directory / "sender"), f"--size={EVENT_BYTES}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                port = msgspec.json.decode(process.stdout.readline(), type=dict[str, int])["port"]
                yield Running(port, process.pid, "/", "bare", {"event": http_request("POST", "/", {}, {})})
            finally:
                stop(process)
