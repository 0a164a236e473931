"""What a mail server says to a mail, in a form that can be told to another process."""

from __future__ import annotations

import ssl
from email.message import EmailMessage

import msgspec

from tidewire.outbound.guard import ForbiddenAddressError
from tidewire.outbound.smtp import MailServer, give_mail


class Given(msgspec.Struct):
    """What became of a mail that was given to a server."""

    refused: dict[str, tuple[int, str]] = {}
    """Addresses that the server refused, with its code and words."""
    problem: str = ""
    """Why the server took the mail for nobody; empty: it took it."""
    temporary: bool = False
    """Whether another attempt, or another server, may help."""


async def given(
    server: MailServer, mail: EmailMessage, own_name: str, tls: ssl.SSLContext, addresses: list[str]
) -> Given:
    """Give a mail to a server, which is told that we are ``own_name``."""
    import aiosmtplib  # here, because not every installation sends mails

    where = f"{server.host}:{server.port}"
    try:
        failed = await give_mail(server, mail, own_name, tls, addresses)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return Given({each.recipient: (each.code, each.message) for each in error.recipients})
    except aiosmtplib.SMTPResponseException as error:
        return Given(problem=f"{where} answered {error.code} {error.message}", temporary=error.code < 500)
    except (aiosmtplib.SMTPException, OSError) as error:
        return Given(problem=f"{where} cannot be used: {error or type(error).__name__}", temporary=True)
    except (ForbiddenAddressError, ValueError) as error:
        return Given(problem=f"{where} cannot be used: {error}")
    return Given(dict(failed))
