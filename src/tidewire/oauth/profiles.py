"""Who signed in, read from what each provider answers.

An address counts as verified only where the provider's documentation says that the field means that. Anybody
can write somebody else's address into an account of a provider that does not look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tidewire.core.checks.addresses import Email
from tidewire.core.parameters import InvalidParameterError
from tidewire.oauth.contract import Profile, ProviderFailedError, Read, Tokens

_LONGEST_ID: Final = 255
_LONGEST_NAME: Final = 128
_TRUE: Final = frozenset({"true", "1"})


def fields(uid: str, *, email: str = "email", name: str = "name", verified: str = "") -> Read:
    """Reads fields of the first answer by their paths, with dots between names and numbers of elements."""

    def read(answers: Sequence[Any], _tokens: Tokens) -> Profile:
        [first, *_] = answers
        return profile(
            at(first, uid), at(first, email), at(first, name), bool(verified) and is_true(at(first, verified))
        )

    return read


def profile(uid: Any, email: Any, name: Any, verified: bool) -> Profile:
    """The profile of these values, whatever a provider answered for them.

    Raises :class:`ProviderFailedError` if nothing tells the person from others.
    """
    known = str(uid) if isinstance(uid, str | int) and not isinstance(uid, bool) else ""
    if not known or len(known) > _LONGEST_ID or not known.isprintable():
        raise ProviderFailedError("it does not say who signed in")
    address = address_of(email)
    shown = name if isinstance(name, str) and name.isprintable() else ""
    return Profile(known, address, shown.strip()[:_LONGEST_NAME], bool(address) and verified)


def at(value: Any, path: str) -> Any:
    """What stands at a path; None if there is nothing."""
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def is_true(value: Any) -> bool:
    """Whether a provider says yes: some write it as text or number."""
    return value is True or (isinstance(value, str | int) and str(value).lower() in _TRUE)


def address_of(value: Any) -> str:
    """An e-mail address in lower case; empty for anything else."""
    try:
        return Email().convert(value).lower()
    except InvalidParameterError:
        return ""


OPENID: Final = fields("sub", verified="email_verified")
"""The claims of OpenID Connect (Core 1.0, section 5.1)."""


def _verified_address(entries: Any, address: str, verified: str, preferred: str) -> tuple[Any, bool]:
    """Of a list of addresses the preferred one, else a verified one, and whether it is verified."""
    listed = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    first = _first(each for each in listed if is_true(each.get(preferred)))
    found = first or _first(each for each in listed if is_true(each.get(verified)))
    return (found.get(address), is_true(found.get(verified))) if found else (None, False)


def _first(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return next(iter(entries), {})


def _joined(*names: Any) -> str:
    return " ".join(name for name in names if name and isinstance(name, str))


def github(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    """The address shown on the profile is whatever its owner wrote there: only the list of addresses says."""
    user, emails = answers
    address, verified = _verified_address(emails, "email", "verified", "primary")
    return profile(at(user, "id"), address, at(user, "name") or at(user, "login"), verified)


def bitbucket(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    user, emails = answers
    address, verified = _verified_address(at(emails, "values"), "email", "is_confirmed", "is_primary")
    return profile(at(user, "uuid"), address, at(user, "display_name"), verified)


def bitly(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    [user] = answers
    address, verified = _verified_address(at(user, "emails"), "email", "is_verified", "is_primary")
    return profile(at(user, "login"), address, at(user, "name"), verified)


def paypal(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    [user] = answers
    address, verified = _verified_address(at(user, "emails"), "value", "confirmed", "primary")
    return profile(at(user, "payer_id") or at(user, "user_id"), address, at(user, "name"), verified)


def podio(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    user, shown = answers
    main, mails = at(user, "mail"), at(user, "mails")
    listed = [each for each in mails if isinstance(each, dict)] if isinstance(mails, list) else []
    verified = any(each.get("mail") == main and is_true(each.get("verified")) for each in listed)
    return profile(at(user, "user_id"), main, at(shown, "name"), verified)


def gitlab(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    """An account is confirmed by a link in a mail to its address, at the time that it tells."""
    [user] = answers
    return profile(at(user, "id"), at(user, "email"), at(user, "name"), bool(at(user, "confirmed_at")))


def microsoft(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    """Administrators of a tenant write any address into an account: none counts as verified."""
    [user] = answers
    address = address_of(at(user, "mail")) or at(user, "userPrincipalName")
    return profile(at(user, "id"), address, at(user, "displayName"), False)


def etsy(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    [user] = answers
    name = _joined(at(user, "first_name"), at(user, "last_name"))
    return profile(at(user, "user_id"), at(user, "primary_email"), name, False)


def tradeshift(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    [user] = answers
    name = _joined(at(user, "FirstName"), at(user, "LastName"))
    return profile(at(user, "Id"), at(user, "Username"), name, False)


def x(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    """The only address that X tells is one that was confirmed."""
    [user] = answers
    return profile(at(user, "data.id"), at(user, "data.confirmed_email"), at(user, "data.name"), True)


def zoom(answers: Sequence[Any], _tokens: Tokens) -> Profile:
    [user] = answers
    name = _joined(at(user, "first_name"), at(user, "last_name"))
    return profile(at(user, "id"), at(user, "email"), name, is_true(at(user, "verified")))
