"""Push messages: Firebase Cloud Messaging (HTTP v1) and Apple's push service."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5

import msgspec

from tidewire.core.time import now
from tidewire.outbound.http import HttpAnswer, OutboundHttp, RequestFailedError
from tidewire.outbound.signing import Signer
from tidewire.outgoing.messaging.couriers import Letter, Provider, Recipient, Refusal, refusal, refused
from tidewire.outgoing.messaging.http import refusal_of
from tidewire.outgoing.messaging.http_providers import words_of

EXPIRED: Final = "Expired device token"
FCM: Final = "https://fcm.googleapis.com"
APNS: Final = "https://api.push.apple.com"
APNS_SANDBOX: Final = "https://api.sandbox.push.apple.com"
_FCM_TOKENS: Final = "https://oauth2.googleapis.com/token"
_FCM_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_APNS_KEPT_MS: Final = 40 * 60_000
"""Apple wants a signature to be between 20 and 60 minutes old."""
_GONE: Final = frozenset({"Unregistered", "BadDeviceToken", "ExpiredToken", "DeviceTokenNotForTopic"})
_PROBLEM_KEPT_MS: Final = 60_000
_MOST_KEPT: Final = 1000


_PassKey = tuple[str, int, int]
"""A provider with the credentials of one moment: its project, its number there, and when it was changed."""


@dataclass(frozen=True)
class _Pass:
    """What a provider shows to be let in."""

    text: str
    ends: int
    """Milliseconds since the epoch."""
    problem: str = ""
    """Why there is none."""


class _KeyError(ValueError):
    """Credentials that are refused, or that nothing can be signed with."""


class _Passes:
    """What providers show to be let in, kept for a while, each made once at a time.

    So is what is wrong with credentials: a message to many devices must not ask that once for each.
    """

    def __init__(self) -> None:
        self._kept: dict[_PassKey, _Pass] = {}
        self._locks: dict[_PassKey, asyncio.Lock] = {}

    async def of(self, key: _PassKey, make: Callable[[], Awaitable[tuple[str, int]]]) -> str:
        """What is kept under ``key``, or made: a text, and when it ends in milliseconds since the epoch.

        Raises ValueError if the credentials are of no use.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept is None or kept.ends <= now():
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                    self._locks.clear()
                try:
                    kept = _Pass(*await make())
                except (ValueError, TypeError, LookupError) as error:
                    kept = _Pass("", now() + _PROBLEM_KEPT_MS, str(error) or type(error).__name__)
                self._kept[key] = kept
            if kept.problem:
                raise _KeyError(kept.problem)
            return kept.text

    def forget(self, key: _PassKey) -> None:
        """Have it made anew the next time."""
        self._kept.pop(key, None)


class _PushCourier(ABC):
    """What both services have in common: a call for each device."""

    def __init__(self, http: OutboundHttp, seconds: float, base: str = "") -> None:
        """``base`` stands in for the address of the service."""
        self._http = http
        self._seconds = seconds
        self._base = base
        self._passes = _Passes()
        self._signer = Signer()

    def at_once(self, letter: Letter) -> int:  # noqa: ARG002 - the contract of couriers
        """One device."""
        return 1

    async def carry(
        self, provider: Provider, letter: Letter, recipients: Sequence[Recipient]
    ) -> Mapping[int, Refusal]:
        """Tell the devices, one after the other."""
        found: dict[int, Refusal] = {}
        for recipient in recipients:
            try:
                told = await self._tell(provider, letter, recipient)
            except (ValueError, TypeError, LookupError) as error:
                told = refusal(f"The credentials of the provider are of no use: {error}")
            except RequestFailedError as error:
                told = refusal(str(error), temporary=True)
            if told is not None:
                found |= refused([recipient], told)
        return found

    @abstractmethod
    async def _tell(self, provider: Provider, letter: Letter, recipient: Recipient) -> Refusal | None:
        """Tell one device; why it was not told, if it was not."""


class FcmCourier(_PushCourier):
    """Devices that Firebase Cloud Messaging reaches."""

    async def _tell(self, provider: Provider, letter: Letter, recipient: Recipient) -> Refusal | None:
        account = provider.credentials["serviceAccountJSON"]
        account = msgspec.json.decode(account) if isinstance(account, str) else account
        key = (letter.project_id, provider.sequence, provider.changed_at)
        access = await self._passes.of(key, lambda: self._access(account))
        project = quote(str(account["project_id"]), safe="")
        answer = await self._http.fetch(
            "POST",
            f"{self._base or FCM}/v1/projects/{project}/messages:send",
            [("Authorization", f"Bearer {access}"), ("Content-Type", "application/json")],
            msgspec.json.encode({"message": fcm_message(letter, recipient.address)}),
            seconds=self._seconds,
        )
        if 200 <= answer.status < 300:
            return None
        if answer.status == 404 or b'"UNREGISTERED"' in answer.body:
            return Refusal(EXPIRED, expired=True)
        if answer.status == 401:
            self._passes.forget(key)
            return refusal(f"401 {words_of(answer)}", temporary=True)
        return refusal_of(answer)

    async def _access(self, account: Mapping[str, Any]) -> tuple[str, int]:
        """An access token of the service account (RFC 7523), and when it ends."""
        seconds = now() // 1000
        url = str(account.get("token_uri") or _FCM_TOKENS)
        claims = {
            "iss": account["client_email"],
            "scope": _FCM_SCOPE,
            "aud": url,
            "iat": seconds,
            "exp": seconds + 3600,
        }
        named = {"kid": str(account["private_key_id"])} if account.get("private_key_id") else {}
        signed = await self._signer.sign(claims, str(account["private_key"]), "RS256", named)
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
        answer = await self._http.fetch(
            "POST",
            url,
            [("Content-Type", "application/x-www-form-urlencoded")],
            urlencode(form).encode(),
            seconds=self._seconds,
        )
        if answer.status in {408, 429} or answer.status >= 500:
            raise RequestFailedError(f"the service of access tokens answered {answer.status}")
        if answer.status != 200:
            raise _KeyError(f"{answer.status} {words_of(answer)}")
        granted = msgspec.json.decode(answer.body)
        lasts = min(int(granted.get("expires_in") or 3600), 3600)
        return str(granted["access_token"]), now() + max(1, lasts - 60) * 1000


def fcm_message(letter: Letter, token: str) -> dict[str, Any]:
    """The message for one device as the service takes it."""
    shown = {name: letter.text(name) for name in ("title", "body") if letter.text(name)}
    android = {
        ours: letter.text(theirs)
        for ours, theirs in (
            ("icon", "icon"),
            ("color", "color"),
            ("sound", "sound"),
            ("tag", "tag"),
            ("click_action", "action"),
        )
        if letter.text(theirs)
    }
    if letter.image_url:
        shown["image"] = letter.image_url
    message: dict[str, Any] = {
        "token": token,
        "android": {"priority": "NORMAL" if letter.text("priority") == "normal" else "HIGH"},
        "apns": {"payload": {"aps": _aps(letter)}, "headers": {"apns-priority": _priority(letter)}},
    }
    if shown:
        message["notification"] = shown
    if android and shown:
        message["android"]["notification"] = android
    if data := letter.data.get("data"):
        message["data"] = {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in data.items()
        }
    return message


class ApnsCourier(_PushCourier):
    """Devices that Apple's push service reaches, by HTTP/2."""

    async def _tell(self, provider: Provider, letter: Letter, recipient: Recipient) -> Refusal | None:
        key = (letter.project_id, provider.sequence, provider.changed_at)
        signed = await self._passes.of(key, lambda: self._signature(provider))
        base = self._base or (APNS_SANDBOX if provider.options.get("sandbox") else APNS)
        payload = {**(letter.data.get("data") or {}), "aps": _aps(letter)}
        if letter.image_url:
            payload["image"] = letter.image_url
        if action := letter.text("action"):
            payload["action"] = action
        shown = bool(letter.text("title") or letter.text("body"))
        answer = await self._http.fetch(
            "POST",
            f"{base}/3/device/{quote(recipient.address, safe='')}",
            [
                ("authorization", f"bearer {signed}"),
                ("apns-topic", provider.text("bundleId")),
                ("apns-push-type", "alert" if shown else "background"),
                ("apns-priority", _priority(letter)),
                # The same at each attempt.
                ("apns-id", str(uuid5(NAMESPACE_URL, f"{letter.project_id}/{letter.id}/{recipient.id}"))),
            ],
            msgspec.json.encode(payload),
            seconds=self._seconds,
            http2=True,
        )
        if answer.status == 200:
            return None
        return self._refusal(answer, key)

    async def _signature(self, provider: Provider) -> tuple[str, int]:
        """What Apple knows the sender by, and when it is made anew."""
        claims = {"iss": provider.text("teamId"), "iat": now() // 1000}
        named = {"kid": provider.text("authKeyId")}
        signed = await self._signer.sign(claims, provider.text("authKey"), "ES256", named)
        return signed, now() + _APNS_KEPT_MS

    def _refusal(self, answer: HttpAnswer, key: _PassKey) -> Refusal:
        try:
            reason = str(msgspec.json.decode(answer.body)["reason"])
        except (msgspec.DecodeError, LookupError, TypeError):
            reason = ""
        if answer.status == 410 or reason in _GONE:
            return Refusal(EXPIRED, expired=True)
        if reason == "ExpiredProviderToken":
            self._passes.forget(key)
            return refusal(f"{answer.status} {reason}", temporary=True)
        return refusal_of(answer, reason)


def _priority(letter: Letter) -> str:
    shown = letter.text("title") or letter.text("body")
    return "10" if shown and letter.text("priority") != "normal" else "5"


def _aps(letter: Letter) -> dict[str, Any]:
    """What Apple's devices look at themselves."""
    aps: dict[str, Any] = {}
    if alert := {name: letter.text(name) for name in ("title", "body") if letter.text(name)}:
        aps["alert"] = alert
    if (badge := letter.data.get("badge")) is not None and badge >= 0:
        aps["badge"] = badge
    if letter.data.get("critical"):
        aps["sound"] = {"critical": 1, "name": letter.text("sound") or "default", "volume": 1.0}
    elif letter.text("sound"):
        aps["sound"] = letter.text("sound")
    if letter.data.get("contentAvailable"):
        aps["content-available"] = 1
    if letter.image_url:
        aps["mutable-content"] = 1
    if letter.text("tag"):
        aps["thread-id"] = letter.text("tag")
    return aps
