"""Every mail that Tidewire sends, by occasion.

``project`` and ``user`` are the names that people see; ``user`` may be empty.
"""

from __future__ import annotations

from tidewire.services.messages import english
from tidewire.services.messages.layout import Action, MailText, compose


def verification_mail(project: str, user: str, link: str) -> MailText:
    """Asks to follow ``link`` to confirm the address."""
    return compose(english.VERIFICATION, {"project": project, "user": user}, Action(link=link))


def recovery_mail(project: str, user: str, link: str) -> MailText:
    """Offers to set a new password at ``link``."""
    return compose(english.RECOVERY, {"project": project, "user": user}, Action(link=link))


def magic_url_mail(project: str, user: str, link: str, phrase: str = "") -> MailText:
    """Signs in whoever follows ``link``."""
    return compose(english.MAGIC_URL, {"project": project, "user": user}, Action(link=link, phrase=phrase))


def otp_mail(project: str, user: str, code: str, client: str, ip: str, phrase: str = "") -> MailText:
    """Brings the code to sign in with; ``client`` and ``ip`` tell who asked for it."""
    values = {
        "project": project,
        "user": user,
        "code": code,
        "client": client or english.A_CLIENT,
        "ip": ip or english.UNKNOWN,
    }
    return compose(english.OTP, values, Action(code=code, phrase=phrase))


def mfa_code_mail(project: str, user: str, code: str) -> MailText:
    """Brings the code that is the second factor of a sign-in."""
    return compose(english.MFA_CODE, {"project": project, "user": user, "code": code}, Action(code=code))


def invitation_mail(project: str, user: str, inviter: str, team: str, link: str) -> MailText:
    """Invites into ``team``; ``inviter`` is empty if no person did."""
    values = {
        "project": project,
        "user": user,
        "inviter": inviter or english.INVITER_UNKNOWN,
        "team": team,
    }
    return compose(english.INVITATION, values, Action(link=link))


def session_alert_mail(project: str, user: str, client: str, ip: str, country: str, time: str) -> MailText:
    """Tells of a sign-in; ``time`` as it is to be read. Unknown things are empty."""
    values = {
        "project": project,
        "user": user,
        "client": client or english.A_CLIENT,
        "ip": ip or english.UNKNOWN,
        "country": country or english.UNKNOWN,
        "time": time,
    }
    return compose(english.SESSION_ALERT, values)


def webhook_disabled_mail(
    project: str, user: str, webhook: str, url: str, failures: int, reason: str
) -> MailText:
    """Tells an owner of a project that one of its webhooks failed too often."""
    values = {
        "project": project,
        "user": user,
        "webhook": webhook,
        "url": url,
        "failures": str(failures),
        "reason": reason,
    }
    return compose(english.WEBHOOK_DISABLED, values)


def smtp_test_mail(project: str, sender: str, host: str) -> MailText:
    """Shows that mail works; ``sender`` and ``host`` are those of the settings tested."""
    return compose(
        english.SMTP_TEST,
        {
            "project": project,
            "user": "",
            "sender": sender or english.UNKNOWN,
            "host": host or english.UNKNOWN,
        },
    )
