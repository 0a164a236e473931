"""People who sign up, and servers that walk through the operations of a service."""

from __future__ import annotations

from typing import Any

import httpx

from tidewire.core.operations import Operations

PASSWORD = "correct horse battery"


class Walk:
    """Calls operations and remembers which; answers other than the expected are a failure."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.called: list[tuple[str, str]] = []

    def __call__(self, method: str, path: str, expected: int | None = None, **body: Any) -> Any:
        """Send a request and return the decoded answer; ``expected`` None: any success."""
        self.called.append((method, path))
        given: dict[str, Any] = {"params": body} if method == "GET" else {"json": body}
        answer = self.client.request(method, f"/v1{path}", **given)
        if expected is None:
            assert answer.is_success, answer.text
        else:
            assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    def not_called(self, operations: Operations) -> list[str]:
        """Operations that no request reached."""
        return [
            operation.name
            for operation in operations.declared
            if not any(
                method == operation.method and _fits(operation.path, path) for method, path in self.called
            )
        ]


def _fits(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        part == found or (part.startswith("{") and found != "identities")
        for part, found in zip(wanted, given, strict=True)
    )


def sign_up(client: httpx.Client, user_id: str) -> None:
    """Make an account and sign in; the client keeps the cookie."""
    email = f"{user_id}@example.com"
    account = {"userId": user_id, "email": email, "password": PASSWORD}
    client.post("/v1/account", json=account).raise_for_status()
    client.post("/v1/account/sessions/email", json={"email": email, "password": PASSWORD}).raise_for_status()
