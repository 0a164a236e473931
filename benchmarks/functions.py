"""Functions for measurements: deployed to a server, and their shim started by hand."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import subprocess
import tarfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self

import httpx

from benchmarks.native import pinned
from benchmarks.peers import Running
from benchmarks.rest_client import Rest, http_request
from tidewire.functions.runtimes import Installed, find_runtimes
from tidewire.functions.specifications import DEFAULT_SPECIFICATION, SPECIFICATIONS

SECRET: Final = "benchmark"
SECONDS: Final = 60
"""How long anything may take until it is as it should be."""
FILES: Final = {"node": "index.js", "python": "main.py"}


@cache
def runtimes() -> Mapping[str, Installed]:
    """Those of the machine, by key."""
    return asyncio.run(find_runtimes([]))


def runtime_of(language: str) -> Installed:
    """The newest of a language."""
    return [each for each in runtimes().values() if each.language.key == language][-1]


@dataclass(frozen=True)
class Deployed:
    """A function that is ready to run."""

    server: Rest
    id: str

    @property
    def request(self) -> bytes:
        """A whole request that runs it and waits for its answer."""
        return http_request("POST", f"/v1/functions/{self.id}/executions", self.server.headers, {})

    def delete(self) -> None:
        """Delete it, and end its processes."""
        with suppress(ValueError):  # the answer is empty
            self.server.call("DELETE", f"/v1/functions/{self.id}", {})


def deploy(server: Rest, language: str, source: str, **settings: Any) -> Deployed:
    """A new function, built."""
    body = {
        "functionId": "unique()",
        "name": "Benchmark",
        "runtime": runtime_of(language).runtime.key,
        "entrypoint": FILES[language],
        "execute": ["any"],
        **settings,
    }
    function_id = server.call("POST", "/v1/functions", body)["$id"]
    path = f"/v1/functions/{function_id}/deployments"
    answer = httpx.post(
        f"http://127.0.0.1:{server.port}{path}",
        headers=server.headers,
        data={"activate": "true"},
        files={"code": ("code.tar.gz", _packed(FILES[language], source), "application/gzip")},
        timeout=SECONDS,
    )
    answer.raise_for_status()
    end = time.monotonic() + SECONDS
    while server.call("GET", f"/v1/functions/{function_id}", {})["deploymentId"] == "":
        if time.monotonic() > end:
            raise TimeoutError("a deployment was not built")
        time.sleep(0.05)
    return Deployed(server, function_id)


def _packed(name: str, source: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(source.encode())
        archive.addfile(entry, io.BytesIO(source.encode()))
    return buffer.getvalue()


class Shim:
    """The shim of a language with a function, on the core of a server, without anything around it."""

    def __init__(self, target: Running, language: str, source: str, *, port: bool) -> None:
        """It listens on a port, or else on a unix socket."""
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        (folder / FILES[language]).write_text(source)
        self._listener = socket.socket(socket.AF_INET if port else socket.AF_UNIX)
        self._listener.bind(("127.0.0.1", 0) if port else str(folder / "socket"))
        self._listener.listen(1024)
        self.address: Any = self._listener.getsockname()
        lines = {"secret": SECRET, "timeout": "30", "logging": "enabled", "log-id": "1"}
        internal = {f"x-open-runtimes-{name}": value for name, value in lines.items()}
        self.request: Final = http_request("POST", "/", {**internal, "Content-Type": "text/plain"}, b"")
        self._life, self._held = os.pipe()
        nothing = os.open(os.devnull, os.O_WRONLY)
        descriptors = (self._listener.fileno(), nothing, self._life)
        core = min(os.sched_getaffinity(target.process))
        installed = runtime_of(language)
        arguments = [*map(str, descriptors), str(folder)]
        command = installed.command(str(installed.shim), SPECIFICATIONS[DEFAULT_SPECIFICATION], arguments)
        self._process = subprocess.Popen(
            [*pinned(core), *command],
            pass_fds=descriptors,
            env={
                **os.environ,
                **installed.language.environment,
                "OPEN_RUNTIMES_SECRET": SECRET,
                "OPEN_RUNTIMES_ENTRYPOINT": FILES[language],
            },
        )
        os.close(nothing)

    def answer(self) -> bytes:
        """The beginning of its answer to one request."""
        with socket.socket(self._listener.family) as connection:
            connection.connect(self.address)
            connection.sendall(self.request)
            return connection.recv(65536)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._held)  # which ends it
        self._process.wait(SECONDS)
        os.close(self._life)
        self._listener.close()
        self._folder.cleanup()
