"""A project in which functions are deployed and run, as a program with an API key does it."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.support.responses import checked_client
from tests.support.server import TidewireServer

SECONDS = 30
"""How long anything may take until it is as it should be."""

ECHO = """
import os

def main(context):
    context.log("called", context.req.method, context.req.path)
    return context.res.json(
        {
            "method": context.req.method,
            "path": context.req.path,
            "body": context.req.body_text,
            "headers": dict(context.req.headers),
            "environment": dict(os.environ),
        }
    )
"""
"""Answers with all that it gets."""


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """A gzip tar of some files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class FunctionsProject:
    """What a program does with functions."""

    server: TidewireServer
    http: httpx.Client

    @classmethod
    @contextmanager
    def of(cls, server: TidewireServer, key: str = "") -> Iterator[FunctionsProject]:
        """The project of a server, reached with this key or a new one."""
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key or server.create_key()}
        with checked_client(
            base_url=server.endpoint.removesuffix("/v1"), headers=headers, timeout=60
        ) as http:
            yield cls(server, http)

    def request(self, method: str, path: str, expected: int = 200, **arguments: Any) -> Any:
        """The answer to a request, which must have the status."""
        response = self.http.request(method, f"/v1{path}", **arguments)
        assert response.status_code == expected, response.text
        return response.json() if response.content and response.status_code != 204 else None

    def get(self, path: str, expected: int = 200, **arguments: Any) -> Any:
        return self.request("GET", path, expected, **arguments)

    def post(self, url: str, expected: int = 201, /, **body: Any) -> Any:
        return self.request("POST", url, expected, json=body)

    def runtime(self) -> str:
        """A Python that the machine has."""
        keys = [each["$id"] for each in self.get("/functions/runtimes")["runtimes"]]
        return next(str(key) for key in keys if key.startswith("python-"))

    def function(self, function_id: str = "unique()", **settings: Any) -> dict[str, Any]:
        """A new function."""
        body = {"name": "Function", "runtime": self.runtime(), "entrypoint": "main.py", **settings}
        made: dict[str, Any] = self.post("/functions", functionId=function_id, **body)
        return made

    def upload(
        self, function_id: str, source: str | Mapping[str, str | bytes], expected: int = 202, **fields: str
    ) -> dict[str, Any]:
        """A new deployment, which waits for its build."""
        files = {"main.py": source} if isinstance(source, str) else source
        answer: dict[str, Any] = self.request(
            "POST",
            f"/functions/{function_id}/deployments",
            expected,
            data={"activate": "true", **fields},
            files={"code": ("code.tar.gz", packed(files), "application/gzip")},
        )
        return answer

    def built(self, function_id: str, deployment_id: str) -> dict[str, Any]:
        """A deployment whose build is over."""
        path = f"/functions/{function_id}/deployments/{deployment_id}"
        deployment: dict[str, Any] = eventually(
            lambda: self.get(path), lambda found: found["status"] in {"ready", "failed", "canceled"}
        )
        return deployment

    def deployed(self, source: str = ECHO, **settings: Any) -> str:
        """Id of a new function that is ready to run."""
        function = self.function(**settings)
        deployment = self.built(function["$id"], self.upload(function["$id"], source)["$id"])
        assert deployment["status"] == "ready", deployment["buildLogs"]
        return str(function["$id"])

    def execute(self, function_id: str, expected: int = 201, /, **body: Any) -> dict[str, Any]:
        """An execution, as the answer to its request shows it."""
        answer: dict[str, Any] = self.post(f"/functions/{function_id}/executions", expected, **body)
        return answer

    def ended(self, function_id: str, execution_id: str) -> dict[str, Any]:
        """An execution that has ended."""
        path = f"/functions/{function_id}/executions/{execution_id}"
        execution: dict[str, Any] = eventually(
            lambda: self.get(path), lambda found: found["status"] in {"completed", "failed"}
        )
        return execution

    def executions(self, function_id: str, **parameters: Any) -> list[dict[str, Any]]:
        """The executions of a function, the oldest first."""
        listed: list[dict[str, Any]] = self.get(f"/functions/{function_id}/executions", params=parameters)[
            "executions"
        ]
        return listed

    @contextmanager
    def user(self, user_id: str) -> Iterator[httpx.Client]:
        """A client of somebody who has just signed up."""
        with self.guest() as http:
            body = {"userId": user_id, "email": f"{user_id}@example.com", "password": "correct horse battery"}
            assert http.post("/v1/account", json=body).status_code == 201
            session = http.post("/v1/account/sessions/email", json=body)
            assert session.status_code == 201, session.text
            yield http

    @contextmanager
    def unchecked(self, **headers: str) -> Iterator[httpx.Client]:
        """A client with the key, whose answers are of no model that there is now."""
        with httpx.Client(base_url=self.http.base_url, headers={**self.http.headers, **headers}) as http:
            yield http

    @contextmanager
    def guest(self) -> Iterator[httpx.Client]:
        """A client without credentials."""
        headers = {"X-Appwrite-Project": self.server.project}
        base = self.server.endpoint.removesuffix("/v1")
        with checked_client(base_url=base, headers=headers, timeout=60) as http:
            yield http


def eventually(look: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
    """What ``look`` finds as soon as it is ``done``."""
    end = time.monotonic() + SECONDS
    while True:
        found = look()
        if done(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.02)


@contextmanager
def listening(project: FunctionsProject, cookies: Any) -> Iterator[ClientConnection]:
    """A connection to the channel of executions, as a user's browser makes it."""
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    address = f"{project.server.realtime}?project={project.server.project}&channels[]=executions"
    with connect(address, additional_headers={"Cookie": sent}) as connection:
        assert json.loads(connection.recv(timeout=20))["type"] == "connected"
        yield connection


def next_event(connection: ClientConnection) -> tuple[str, dict[str, Any]]:
    """The most exact name of the next event, and its payload."""
    while True:
        message = json.loads(connection.recv(timeout=20))
        if message["type"] == "event":
            return message["data"]["events"][0], message["data"]["payload"]
