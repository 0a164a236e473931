"""A server that delivers messages, and a program that uses it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.responses import checked_client
from tests.support.server import TidewireServer
from tidewire.core.ids import unique_id
from tidewire.core.time import now

ENVIRONMENT = {
    "TIDEWIRE_RATE_LIMITS": "off",
    "TIDEWIRE_WEBHOOK_PRIVATE_ADDRESSES": "on",
    "TIDEWIRE_MESSAGING_RETRY_SECONDS": "0.05",
    "TIDEWIRE_MESSAGING_MAX_RETRY_SECONDS": "0.2",
    "TIDEWIRE_DRAIN_SECONDS": "0.2",
}


@dataclass
class Office:
    """A project of a running server, and a program with an API key for everything."""

    server: TidewireServer
    client: httpx.Client

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Make something; the answer."""
        made = self.client.post(f"/v1{path}", json=body)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def project(self) -> str:
        """Go on in a new project; its id."""
        project = self.server.command("project", "create")
        key = self.server.command("key", "create", "--project", project, "--scopes", "all")
        self.client.headers.update({"X-Appwrite-Project": project, "X-Appwrite-Key": key})
        return project

    def provider(self, kind: str, **values: Any) -> str:
        """Add a provider; its id."""
        body = {"providerId": unique_id(), "name": kind, "enabled": True, **values}
        return str(self.post(f"/messaging/providers/{kind}", **body)["$id"])

    def smtp(self, port: int, **values: Any) -> str:
        """Add a mail server."""
        given = {"host": "127.0.0.1", "port": port, "fromEmail": "news@example.com", "fromName": "News"}
        return self.provider("smtp", **(given | values))

    def user(self, **values: Any) -> str:
        """A new user with a mail address; the id."""
        user = unique_id()
        body = {"userId": user, "email": f"{user}@example.com", **values}
        return str(self.post("/users", **body)["$id"])

    def target(self, user: str, provider_type: str, identifier: str, **values: Any) -> str:
        """Another target of a user; its id."""
        body = {"targetId": unique_id(), "providerType": provider_type, "identifier": identifier, **values}
        return str(self.post(f"/users/{user}/targets", **body)["$id"])

    def crowd(self, provider_type: str, count: int, topic: str = "") -> str:
        """A user with many targets, subscribed to a topic, written straight into the database; the id."""
        user, project = unique_id(), str(self.client.headers["X-Appwrite-Project"])
        self.post("/users", userId=user)
        path = self.server.data_dir / "projects" / project / "database.sqlite3"
        form = "+1500{:07}" if provider_type == "sms" else "{}@crowd.example"
        rows = [
            (unique_id(), now(), now(), user, "", provider_type, form.format(number), False)
            for number in range(count)
        ]
        with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
            connection.executemany(
                "INSERT INTO targets (id, created_at, updated_at, user_id, name, provider_type, identifier,"
                " expired) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            if topic:
                connection.executemany(
                    "INSERT INTO subscribers (id, created_at, updated_at, topic_id, target_id, user_id,"
                    " provider_type) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [(unique_id(), now(), now(), topic, row[0], user, provider_type) for row in rows],
                )
        return user

    def send(self, kind: str, **values: Any) -> str:
        """Make a message; its id."""
        usual = {"email": {"subject": "News", "content": "Hello"}, "sms": {"content": "Hello"}}
        body = {"messageId": unique_id(), **usual.get(kind, {"title": "News", "body": "Hello"}), **values}
        return str(self.post(f"/messaging/messages/{kind}", **body)["$id"])

    def message(self, message: str) -> dict[str, Any]:
        """A message as it is now."""
        return dict(self.client.get(f"/v1/messaging/messages/{message}").raise_for_status().json())

    def ended(self, message: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until a message is sent or failed; the message then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            shown = self.message(message)
            if shown["status"] in {"sent", "failed"}:
                return shown
            time.sleep(0.05)
        raise AssertionError(f"not ended: {shown}")


@contextmanager
def office(directory: Path, arguments: Sequence[str] = (), **environment: str) -> Iterator[Office]:
    """A server with a data directory of its own."""
    server = TidewireServer(directory / "data", list(arguments), {**ENVIRONMENT, **environment}).start()
    try:
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
        base = server.endpoint.removesuffix("/v1")
        with checked_client(base_url=base, headers=headers, timeout=30) as client:
            yield Office(server, client)
    finally:
        if server.process:
            server.stop()
