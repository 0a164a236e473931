"""The context of a request: who calls an operation, in which project, and what it works with."""

from __future__ import annotations

from typing import Final

import msgspec

from tidewire.api.collaborators import Collaborators
from tidewire.api.requests import Request
from tidewire.api.responses import FORM_TYPE
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.locales import known_locale
from tidewire.core.time import parse_datetime
from tidewire.identity.credentials import read_parameters, text
from tidewire.services.context import Client, Context
from tidewire.services.large_results import HeldResults
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, ProjectStore

LONGEST_USER_AGENT: Final = 1024
"""Characters that are kept of the header ``User-Agent``."""


def context_of(
    api: Collaborators,
    request: Request,
    store: ProjectStore,
    caller: Caller,
    held: HeldResults,
    *,
    shows_related: bool,
) -> Context:
    """The context of a request; ``held`` is the room of its long lists.

    ``shows_related``: documents come with those related to them where nothing is selected.
    """
    # A key that is none makes a guest. Programs of the project speak for their users' browsers.
    speaks_for_others = caller.kind != "guest" and b"x-appwrite-key" in request.headers
    client = request.found.get((Client, speaks_for_others)) or _client(request, speaks_for_others)
    if store.project.id == CONSOLE_PROJECT_ID:
        code = _sign_up_code(request)
        client = Client(client.ip, client.user_agent, request.from_this_machine, sign_up_code=code)
    context = msgspec.structs.replace(
        api.context,
        project=store.project,
        caller=caller,
        client=client,
        database=store.database,
        objects=store.objects,
        held=held,
        shows_related=shows_related,
    )
    headers = request.headers
    if b"x-appwrite-locale" in headers:
        context.locale = known_locale(request.header(b"x-appwrite-locale"))
    if b"x-appwrite-timestamp" in headers:
        context.requested_at = _requested_at(request)
    context.wants_form = b"accept" in headers and FORM_TYPE in headers[b"accept"]
    return context


def _client(request: Request, speaks_for_others: bool) -> Client:
    agent = request.header(b"user-agent")
    if speaks_for_others:
        agent = request.header(b"x-forwarded-user-agent") or agent
    is_cli = request.header(b"x-sdk-language") == "cli"
    client = Client(request.client_ip, agent[:LONGEST_USER_AGENT], is_cli=is_cli)
    request.found[Client, speaks_for_others] = client
    return client


def _sign_up_code(request: Request) -> str:
    code = request.header(b"x-tidewire-sign-up-code")
    if code or b"signUpCode" not in request.query_string:
        return code
    return text(read_parameters(request.query_string.decode("latin-1")), "signUpCode")


def _requested_at(request: Request) -> int | None:
    moment = request.header(b"x-appwrite-timestamp")
    if not moment:
        return None
    try:
        return parse_datetime(moment)
    except (ValueError, OverflowError):
        message = "X-Appwrite-Timestamp must be a date and time in ISO 8601."
        raise TidewireError("general_argument_invalid", message) from None
