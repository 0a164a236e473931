"""Mail templates: the kinds of mails whose texts a project may replace, and what templates may hold."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

TemplateId = Literal[
    "verification",
    "magicSession",
    "recovery",
    "invitation",
    "mfaChallenge",
    "sessionAlert",
    "otpSession",
]

TEMPLATE_IDS: Final[tuple[TemplateId, ...]] = (
    "verification",
    "magicSession",
    "recovery",
    "invitation",
    "mfaChallenge",
    "sessionAlert",
    "otpSession",
)
"""In the order of the API."""


class MailTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of a kind of mail, with placeholders, and whom it comes from."""

    subject: str
    message: str
    """HTML: a whole page, or what stands in one."""
    sender_name: str = ""
    """Empty, as the next three: as the project's mail settings say."""
    sender_email: str = ""
    reply_to_email: str = ""
    reply_to_name: str = ""
