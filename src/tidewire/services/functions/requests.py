"""What a function is sent: the request of an execution with the headers that the server adds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from tidewire.core.time import now
from tidewire.functions.contract import FunctionRequest
from tidewire.services.functions.runnables import Runnable
from tidewire.store.secrets.credentials import encode_jwt, encode_key

GRACE_MS: Final = 60_000
"""How long the credentials that a function gets last beyond its time, at least."""
KEY_STEP_MS: Final = 10_000
"""Milliseconds to whole multiples of which the end of a key is rounded up: executions of one function share
it meanwhile."""
_KEPT_OF_REQUEST: Final = frozenset(
    {"content-type", "agent", "content-length", "host", "x-appwrite-client-ip"}
)
_ENDS_A_PATH: Final = re.compile(r"[\x00-\x20\x7f]")
_KEPT_OF_ANSWER: Final = frozenset({"content-type", "content-length"})


class Sender(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sender of a request to a function: who has it run, and from where."""

    user_id: str = ""
    session_id: str = ""
    """The session of the caller; empty without one: then the function gets no token that stands for the
    user."""
    ip: str = ""
    country_code: str = ""
    continent_code: str = ""
    continent_eu: bool = False


class ExecutionRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an execution sends to its function; kept, as JSON text, while it waits."""

    execution_id: str
    trigger: str
    method: str = "POST"
    path: str = "/"
    headers: dict[str, str] = {}
    """The headers by their names in lower case."""
    body: str = ""
    """The body, where it is text."""
    binary: bytes = b""
    """The body where it is not text."""
    sender: Sender = Sender()
    event: str = ""
    """The most exact name of the event that has it run."""

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        return self.binary or self.body.encode()


def headers_of(request: ExecutionRequest, runnable: Runnable, jwt_secret: bytes) -> dict[str, str]:
    """All headers that the function gets, credentials for the API among them."""
    sender = request.sender
    expires = now() + runnable.seconds * 1000 + GRACE_MS
    token = ""
    if sender.user_id and sender.session_id:
        token = encode_jwt(sender.user_id, sender.session_id, expires, jwt_secret, runnable.project_id)
    headers = {
        **request.headers,
        "x-appwrite-execution-id": request.execution_id,
        "x-appwrite-key": _key(
            runnable.project_id, runnable.scopes, -(-expires // KEY_STEP_MS) * KEY_STEP_MS, jwt_secret
        ),
        "x-appwrite-trigger": request.trigger,
        "x-appwrite-user-id": sender.user_id,
        "x-appwrite-user-jwt": token,
        "x-appwrite-country-code": sender.country_code,
        "x-appwrite-continent-code": sender.continent_code,
        "x-appwrite-continent-eu": "true" if sender.continent_eu else "false",
        "x-appwrite-client-ip": sender.ip,
    }
    if request.event:
        headers["x-appwrite-event"] = request.event
    return headers


@lru_cache(maxsize=1024)
def _key(project_id: str, scopes: tuple[str, ...], expires: int, jwt_secret: bytes) -> str:
    """An API key, signed once for all who get the same."""
    return encode_key(project_id, scopes, expires, jwt_secret)


def function_request(request: ExecutionRequest, runnable: Runnable, jwt_secret: bytes) -> FunctionRequest:
    """The request as the engine takes it."""
    return FunctionRequest(
        method=request.method,
        path=_sent_path(request.path),
        headers=list(headers_of(request, runnable, jwt_secret).items()),
        body=request.content,
        timeout=runnable.seconds,
        logging=runnable.logging,
    )


def _sent_path(path: str) -> str:
    """A path as it stands in a request: it begins with a slash, and what would end it there is encoded."""
    encoded = _ENDS_A_PATH.sub(lambda found: f"%{ord(found[0]):02X}", path)
    return encoded if encoded.startswith("/") else f"/{encoded}"


def kept_request_headers(request: ExecutionRequest) -> list[dict[str, str]]:
    """The headers that an execution shows of its request."""
    given: Mapping[str, str] = {**request.headers, "x-appwrite-client-ip": request.sender.ip}
    return [{"name": name, "value": given[name]} for name in given if name in _KEPT_OF_REQUEST]


def kept_answer_headers(headers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The headers that an execution keeps of the answer."""
    return [{"name": name, "value": value} for name, value in headers if name in _KEPT_OF_ANSWER]


def new_execution(
    function_sequence: int, deployment_id: str, request: ExecutionRequest, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The columns of an execution that begins to be; who asked for it may read it."""
    moment = now()
    return {
        "id": request.execution_id,
        "created_at": moment,
        "updated_at": moment,
        "function_sequence": function_sequence,
        "deployment_id": deployment_id,
        "user_id": "" if request.trigger == "event" else request.sender.user_id,
        "trigger": request.trigger,
        "request_method": request.method,
        "request_path": request.path,
        "request_headers": kept_request_headers(request),
        **values,
    }
