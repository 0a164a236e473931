"""What a domain shows where no function answers, to people in HTML and to programs in JSON."""

from __future__ import annotations

from typing import Final

from tidewire.api.asgi import Header, Send
from tidewire.api.errors import error_body
from tidewire.api.html import HTML_TYPE, POLICY, html_page
from tidewire.api.requests import Request
from tidewire.api.responses import send_body, send_json
from tidewire.core.errors import TidewireError

_ABOUT_TYPES: Final = {
    "rule_not_found": (
        "Nothing is here yet",
        "No function answers at this name.",
        "Start with this domain: a rule of a project lets a function answer here (createFunctionRule).",
    ),
    "deployment_not_found": (
        "No active deployments",
        "The function of this domain has nothing to run.",
        "View deployments of the function: one of them has to be ready, and active.",
    ),
    "build_not_ready": (
        "Not ready yet",
        "The active deployment of this domain's function is not ready.",
        "Reload this page in a moment.",
    ),
    "function_execute_permission_missing": (
        "Execution not permitted",
        "Not everybody may run the function of this domain.",
        "View settings of the function: to be reached here it is executed by any, or by guests.",
    ),
    "function_not_found": ("Nothing answers here", "The function of this domain is switched off."),
}
"""Type of an error to the title and the paragraphs of its page."""
_ABOUT_CODES: Final = {
    404: "What was asked for does not exist.",
    408: "The function did not respond in time.",
    504: "The function did not respond in time.",
}


def wants_html(request: Request) -> bool:
    """Whether an error is shown as a page: programs name JSON in ``Accept``, or nothing at all."""
    accepted = request.header(b"accept")
    return "text/html" in accepted or ("*/*" in accepted and "json" not in accepted)


def page_of_code(code: int) -> bytes:
    """The page for an answer with a code from 400 on that says nothing itself."""
    side = "client" if code < 500 else "server"
    return html_page(f"Error {code}", _ABOUT_CODES.get(code, f"There was an unexpected {side} error."))


async def send_error(request: Request, send: Send, error: TidewireError, *headers: Header) -> None:
    """Answer with an error."""
    body = error_body(error)
    if not wants_html(request):
        await send_json(send, body.code, body, list(headers))
        return
    about = _ABOUT_TYPES.get(error.type)
    page = html_page(*about) if about else page_of_code(body.code)
    is_head = request.method == "HEAD"
    await send_body(send, body.code, HTML_TYPE, page, (POLICY, *headers), to_head=is_head)
