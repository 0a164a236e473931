"""Links in mails, to addresses that the client of the request chose, and the secrets that come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from tidewire.core.checks.addresses import RedirectUrl
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.redirects import redirect_allowed, with_query
from tidewire.services.context import Context


@dataclass(frozen=True)
class _OptionalRedirectUrl(RedirectUrl):
    """An address that users are sent to; the empty text stands for none."""

    def convert(self, value: object) -> str:
        return "" if value == "" else super().convert(value)


Redirect = Annotated[str, RedirectUrl()]
OptionalRedirect = Annotated[str, _OptionalRedirectUrl()]
ShownSecret = Annotated[str, Text(1, 256)]
"""The secret of a link, or a code, that a user got by mail or phone and shows now."""


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
    """The link that opens an app of the project, for a client that named no address."""
    return f"appwrite-callback-{context.project.id}://{path}"


def secret_link(url: str, user_id: str, secret: str, expire: str, **others: str) -> str:
    """The address with the parameters that the SDKs read on the page behind it."""
    values: Mapping[str, str] = {"userId": user_id, "secret": secret, "expire": expire, **others}
    return with_query(url, values)
