"""The texts of the mails and text messages that people get, ready to be sent.

The words stand in :mod:`~tidewire.services.messages.english`, apart from how a mail looks
(:mod:`~tidewire.services.messages.layout`): a further language is a further module of words.
"""

from __future__ import annotations

from tidewire.services.messages.layout import MailText
from tidewire.services.messages.mails import (
    invitation_mail,
    magic_url_mail,
    mfa_code_mail,
    otp_mail,
    recovery_mail,
    session_alert_mail,
    smtp_test_mail,
    verification_mail,
    webhook_disabled_mail,
)
from tidewire.services.messages.text_messages import (
    invitation_text,
    mfa_code_text,
    otp_text,
    phone_verification_text,
)

__all__ = [
    "MailText",
    "invitation_mail",
    "invitation_text",
    "magic_url_mail",
    "mfa_code_mail",
    "mfa_code_text",
    "otp_mail",
    "otp_text",
    "phone_verification_text",
    "recovery_mail",
    "session_alert_mail",
    "smtp_test_mail",
    "verification_mail",
    "webhook_disabled_mail",
]
