"""What the tests of the client do over REST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.server import TidewireServer
from tidewire_client import Subscription


@dataclass
class World:
    """A project with a bucket that everyone may read, on a running server."""

    server: TidewireServer
    rest: httpx.AsyncClient
    bucket: str

    async def upload(self, name: str) -> dict[str, Any]:
        """Cause an event."""
        response = await self.rest.post(
            f"/storage/buckets/{self.bucket}/files", data={"fileId": "unique()"}, files={"file": (name, b"x")}
        )
        response.raise_for_status()
        return dict(response.json())

    async def sign_up(self) -> tuple[dict[str, Any], str]:
        """A new user and the secret of a session."""
        user = await self.post("/users", {"userId": "unique()", "name": "Ada"})
        session = await self.post(f"/users/{user['$id']}/sessions", {})
        return user, session["secret"]

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call an operation with the key."""
        response = await self.rest.post(path, json=body)
        response.raise_for_status()
        return dict(response.json())

    @property
    def files(self) -> str:
        """Channel of the bucket's files."""
        return f"buckets.{self.bucket}.files"


async def names(subscription: Subscription[dict[str, Any]], count: int) -> list[str]:
    """Names of the files in the next events."""
    return [(await anext(subscription)).payload["name"] for _ in range(count)]
