"""Every text message (SMS) that Tidewire sends, by occasion; short, for each is paid for by its length."""

from __future__ import annotations

from tidewire.services.messages import english
from tidewire.services.messages.wording import fill, one_line


def otp_text(project: str, code: str) -> str:
    """Brings the code to sign in with."""
    return fill(english.OTP_TEXT, {"project": one_line(project), "code": code})


def mfa_code_text(project: str, code: str) -> str:
    """Brings the code that is the second factor of a sign-in."""
    return fill(english.MFA_CODE_TEXT, {"project": one_line(project), "code": code})


def phone_verification_text(project: str, code: str) -> str:
    """Brings the code that confirms a phone number."""
    return fill(english.PHONE_VERIFICATION_TEXT, {"project": one_line(project), "code": code})


def invitation_text(project: str, inviter: str, team: str, link: str) -> str:
    """Invites into ``team``; ``inviter`` is empty if no person did."""
    values = {
        "project": one_line(project),
        "inviter": one_line(inviter) or english.INVITER_UNKNOWN,
        "team": one_line(team),
        "link": link,
    }
    return fill(english.INVITATION_TEXT, values)
