"""Every text message (SMS) that Tidewire sends, by occasion; short, for each is paid for by its length."""

from __future__ import annotations

from tidewire.services.messages.languages import language_of
from tidewire.services.messages.wording import fill, one_line


def otp_text(locale: str, project: str, code: str) -> str:
    """Brings the code to sign in with."""
    return fill(language_of(locale).otp_text, {"project": one_line(project), "otp": code})


def mfa_code_text(locale: str, project: str, code: str) -> str:
    """Brings the code that is the second factor of a sign-in."""
    return fill(language_of(locale).mfa_text, {"project": one_line(project), "otp": code})


def phone_verification_text(locale: str, project: str, code: str) -> str:
    """Brings the code that confirms a phone number."""
    return fill(language_of(locale).verification_text, {"project": one_line(project), "otp": code})


def invitation_text(locale: str, project: str, owner: str, team: str, link: str) -> str:
    """Invites into ``team``; ``owner``, who did so, is empty if no person did."""
    language = language_of(locale)
    values = {
        "project": one_line(project),
        "owner": one_line(owner) or language.somebody,
        "team": one_line(team),
        "redirect": link,
    }
    return fill(language.invitation_text, values)
