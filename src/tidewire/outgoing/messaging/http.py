"""Messages by providers that are called by HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tidewire.outbound.http import HttpAnswer, OutboundHttp, RequestFailedError
from tidewire.outgoing.messaging.couriers import Letter, Provider, Recipient, Refusal, refusal, refused
from tidewire.outgoing.messaging.http_providers import MAILGUN_EU, HttpProvider, words_of

_LATER: Final = frozenset({408, 425, 429})
"""Refusals that tell to try again."""
_ONE_IS_WRONG: Final = frozenset({400, 422})
"""Refusals of a call that may be about one recipient of many."""

_MOST_IN_A_ROW: Final = 16
"""Calls refused one after the other, from which on it is not looked for who is wrong."""


class HttpCourier:
    """Calls providers of one kind."""

    def __init__(self, kind: HttpProvider, http: OutboundHttp, seconds: float, base: str = "") -> None:
        """``base`` stands in for the address that the kind is at; ``seconds`` are for one call."""
        self._kind = kind
        self._http = http
        self._seconds = seconds
        self._base = base

    def at_once(self, letter: Letter) -> int:
        """Return the number of recipients that the interface takes at once."""
        with_files = self._kind.with_files
        return with_files if letter.attachments and with_files is not None else self._kind.at_once

    async def carry(
        self, provider: Provider, letter: Letter, recipients: Sequence[Recipient]
    ) -> Mapping[int, Refusal]:
        """Call the provider, and again for parts of the recipients where some may be what is wrong."""
        found: dict[int, Refusal] = {}
        waiting, in_a_row = [recipients], 0
        while waiting:
            some = waiting.pop()
            told, status = await self._call(provider, letter, some)
            in_a_row = in_a_row + 1 if told else 0
            if told is None:
                continue
            if status in _ONE_IS_WRONG and len(some) > 1 and in_a_row < _MOST_IN_A_ROW:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
            else:
                found |= refused(some, told)
        return found

    async def _call(
        self, provider: Provider, letter: Letter, recipients: Sequence[Recipient]
    ) -> tuple[Refusal | None, int]:
        """Why the recipients were not told, if they were not, and the status of the answer."""
        written = self._address(provider), provider, letter, recipients
        try:
            if letter.attachments:  # writing them takes long
                call = await asyncio.to_thread(self._kind.call, *written)
            else:
                call = self._kind.call(*written)
        except ValueError as error:
            return refusal(str(error)), 0
        try:
            answer = await self._http.fetch("POST", call.url, call.headers, call.body, seconds=self._seconds)
        except RequestFailedError as error:
            return refusal(str(error), temporary=True), 0
        if not 200 <= answer.status < 300:
            return refusal_of(answer), answer.status
        return self._problem(answer), answer.status

    def _problem(self, answer: HttpAnswer) -> Refusal | None:
        try:
            problem = self._kind.problem(msgspec.json.decode(answer.body or b"null"))
        except (msgspec.DecodeError, LookupError, TypeError):
            problem = "the provider answered what cannot be understood"
        return refusal(problem) if problem else None

    def _address(self, provider: Provider) -> str:
        if self._base:
            return self._base
        if provider.credentials.get("isEuRegion") is True:
            return MAILGUN_EU
        return self._kind.base.format_map(provider.credentials)


def refusal_of(answer: HttpAnswer, words: str = "") -> Refusal:
    """The refusal that an answer with another status than 2xx is."""
    temporary = answer.status in _LATER or answer.status >= 500
    seconds = answer.headers.get("retry-after", "")
    said = words or words_of(answer)
    return refusal(
        f"{answer.status} {said}".strip(),
        temporary=temporary,
        seconds=float(seconds) if seconds.isdigit() and len(seconds) < 8 else 0.0,
    )
