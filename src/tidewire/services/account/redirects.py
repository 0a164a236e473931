"""Links in mails, to addresses that the client of the request chose."""

from __future__ import annotations

from collections.abc import Mapping

from tidewire.core.errors import TidewireError
from tidewire.core.redirects import redirect_allowed, with_query
from tidewire.services.context import Context


def require_redirect(context: Context, url: str) -> None:
    """Refuse an address that is not the project's; raises ``general_argument_invalid``."""
    project = context.project
    if context.caller.by_dev_key or redirect_allowed(
        url, project.id, project.platforms, context.settings.hostnames
    ):
        return
    raise TidewireError(
        "general_argument_invalid",
        "Invalid `url` param: users may be sent to registered platforms, this server and localhost only.",
    )


def app_link(context: Context, path: str) -> str:
    """Where apps of the project take over when the client named no address."""
    return f"appwrite-callback-{context.project.id}://{path}"


def secret_link(url: str, user_id: str, secret: str, expire: str, **others: str) -> str:
    """The address with what the page behind it needs, as the SDKs' flows have it."""
    values: Mapping[str, str] = {"userId": user_id, "secret": secret, "expire": expire, **others}
    return with_query(url, values)
