"""Requests for domains of functions: the function gets the request as it came, and answers as it likes."""

from __future__ import annotations

from collections.abc import Awaitable
from string import punctuation
from typing import Final
from urllib.parse import quote

import structlog

from tidewire.api.asgi import Application, Header, Headers, Receive, Scope, Send
from tidewire.api.collaborators import Collaborators
from tidewire.api.contexts import context_of
from tidewire.api.error_pages import page_of_code, send_error, wants_html
from tidewire.api.html import HTML_TYPE, POLICY
from tidewire.api.refusals import refusal
from tidewire.api.requests import ClientDisconnectedError, Request
from tidewire.api.responses import TEXT_TYPE, send_body
from tidewire.api.sharing import share_of
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.functions.contract import MAX_REQUEST_BYTES
from tidewire.identity.callers import GUEST
from tidewire.identity.heads import HeaderLines
from tidewire.services.functions.by_domain import answer, public_runnable
from tidewire.services.functions.outcomes import Outcome
from tidewire.services.functions.requests import ExecutionRequest
from tidewire.services.functions.waiting import sender_of
from tidewire.services.large_results import HeldResults
from tidewire.services.proxy.verification import own_hosts
from tidewire.store.engine.reading import present_share
from tidewire.store.machine.disk_space import disk_full
from tidewire.store.records.rules import Place

_log: Final = structlog.get_logger()

_SESSION: Final = "a_session_"
"""Beginning of the names of cookies with a session, before the id of the project."""
_OF_SERVER: Final = ("x-appwrite-", "x-open-runtimes-")
"""Beginnings of the names of headers that only the server sets."""


def with_domains(application: Application, api: Collaborators) -> Application:
    """Have functions answer for their domains; everything else goes to ``application``.

    At a domain of a project's API, requests that name no project are about that one. What is asked of the
    names in the setting ``hostnames``, or of an address, costs a look at a set.
    """
    own = frozenset(name.encode("latin-1", "replace") for name in own_hosts(api.settings))
    domains = api.instance.domains
    parent = api.settings.functions_domain.lower().encode("latin-1", "replace")
    below = (b"." + parent,) if parent else ()

    def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return application(scope, receive, send)
        lines = scope["headers"]
        domain: bytes | None = lines.found.get(_domain) if type(lines) is HeaderLines else None
        if domain is None:
            domain = _domain(lines, own)
            if type(lines) is HeaderLines:
                lines.found[_domain] = domain
        return find(domain, scope, receive, send) if domain else application(scope, receive, send)

    async def find(domain: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        place = await domains.find(domain.decode("latin-1"))
        if place is None:
            if domain.endswith(below):
                await _send_nothing(Request(scope, receive, api.hops), send)
            else:
                await application(scope, receive, send)
        elif place.redirect_url:
            await _redirect(send, place)
        elif place.function_id:
            await _Visit(api, Request(scope, receive, api.hops), send, place).answer()
        else:
            await application(_about(scope, place), receive, send)

    return serve


def _domain(lines: Headers, own: frozenset[bytes]) -> bytes:
    """The name that a request asks for; empty: one of the server's ``own``, or an address."""
    for name, value in lines:
        if name == b"host":
            domain = value.partition(b":")[0].lower().rstrip(b".")
            # No domain ends in a digit, as addresses do.
            return b"" if domain in own or domain[-1:].isdigit() else domain
    return b""


async def _send_nothing(request: Request, send: Send) -> None:
    """The answer at a name that could be a function's, and is none's."""
    error = TidewireError("rule_not_found", "No function answers at this domain: make a rule for it.")
    await send_error(request, send, error)


async def _redirect(send: Send, place: Place) -> None:
    location = quote(place.redirect_url, safe=punctuation).encode()
    await send_body(send, place.redirect_status_code, TEXT_TYPE, b"", ((b"location", location),))


def _about(scope: Scope, place: Place) -> Scope:
    """The request, which names the project of the domain if it names none."""
    named = any(name == b"x-appwrite-project" for name, _ in scope["headers"])
    if named or b"project=" in scope["query_string"]:
        return scope
    return {
        **scope,
        "headers": [*scope["headers"], (b"x-appwrite-project", place.project_id.encode())],
    }


class _Visit:
    """One request for the domain of a function."""

    def __init__(self, api: Collaborators, request: Request, send: Send, place: Place) -> None:
        self._api = api
        self._request = request
        self._send = send
        self._place = place
        self._id = unique_id()
        self._begun = False
        """Whether something of the answer was sent."""

    async def answer(self) -> None:
        """Answer, whatever happens; a client that went away gets nothing."""
        try:
            await self._respond(await self._outcome())
        except ClientDisconnectedError:
            pass
        except Exception as error:
            await self._refuse(*refusal(error, self._request))

    async def _outcome(self) -> Outcome:
        api, request = self._api, self._request
        store = await api.instance.project(self._place.project_id)
        if store is None:
            raise TidewireError("router_host_not_found", "Nothing is served at this domain.")
        if api.instance.disk.is_full(look=False):
            raise disk_full()  # what ran could not be kept
        present_share.set(share_of(GUEST, request, store.project.id, api.settings))
        held = HeldResults(api.results)
        context = context_of(api, request, store, GUEST, held, shows_related=False)
        runnable = await public_runnable(context, self._place.function_id)
        lease = api.bodies.lease(request.client_ip, store.project.id)
        try:
            body = await request.body_at_once()
            if body is None:
                body = bytes(await request.body(MAX_REQUEST_BYTES, lease))
            asked = ExecutionRequest(
                execution_id=self._id,
                trigger="http",
                method=request.method,
                path=_target(request),
                headers=_given_headers(request, store.project.id),
                binary=body,
                sender=sender_of(context),
            )
            return await answer(context, runnable, asked)
        finally:
            lease.release()

    async def _respond(self, outcome: Outcome) -> None:
        """Pass the function's answer on as it is."""
        passes = 200 <= outcome.status_code < 600  # HTTP knows no other codes of answers
        if not passes or (outcome.status == "failed" and not outcome.headers):
            raise TidewireError(
                "general_server_error", "The function came to no answer; its execution says why."
            )
        bodiless = outcome.status_code in {204, 304}
        is_head = self._request.method == "HEAD"
        body = outcome.body
        replaced = {"x-appwrite-execution-id"}
        added: list[Header] = [(b"x-appwrite-execution-id", self._id.encode())]
        if outcome.status_code >= 400 and not body and not is_head and wants_html(self._request):
            body = page_of_code(outcome.status_code)
            replaced |= {"content-type", "content-length"}
            added += [(b"content-type", HTML_TYPE), POLICY]
        headers: list[Header] = [
            (name.encode("latin-1", "replace"), value.encode("utf-8", "replace"))
            for name, value in outcome.headers
            if name not in replaced
        ]
        headers += added
        if not bodiless and all(name != b"content-length" for name, _ in headers):
            headers.append((b"content-length", b"%d" % len(body)))
        self._begun = True
        await self._send({"type": "http.response.start", "status": outcome.status_code, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if bodiless or is_head else body})

    async def _refuse(self, error: TidewireError, headers: Headers) -> None:
        if not self._begun:
            own = (b"x-appwrite-execution-id", self._id.encode())
            await send_error(self._request, self._send, error, own, *headers)


def _target(request: Request) -> str:
    """Path and query as they came, what is not ASCII in percent-encoding."""
    path = quote(request.scope["raw_path"], safe=punctuation)
    query = quote(request.query_string, safe=punctuation)
    return f"{path}?{query}" if query else path


def _given_headers(request: Request, project_id: str) -> dict[str, str]:
    """The headers that came, but for those that only the server sets.

    Nor does a function get sessions of other projects, whose cookies browsers may send to a whole domain.
    """
    given = {
        name.decode("latin-1"): value.decode("utf-8", "replace") for name, value in request.headers.items()
    }
    kept = {name: value for name, value in given.items() if not name.startswith(_OF_SERVER)}
    if _SESSION in kept.get("cookie", ""):
        own = _SESSION + project_id
        cookies = [each.strip() for each in kept["cookie"].split(";")]
        names = {each: each.partition("=")[0].strip() for each in cookies}
        kept["cookie"] = "; ".join(
            each
            for each in cookies
            if not names[each].startswith(_SESSION) or names[each] in {own, f"{own}_legacy"}
        )
    kept["x-forwarded-proto"] = "https" if request.secure else "http"
    return kept
