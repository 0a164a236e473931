"""Conversations with providers: what the engine wants sent goes to checked addresses, within bounds."""

from __future__ import annotations

from typing import Final, TypeVar
from urllib.parse import urlsplit

import tidewire
from tidewire.oauth.contract import Conversation, ProviderAnswer, ProviderFailedError, ProviderRequest
from tidewire.outbound.fetching import Calls, guarded_calls
from tidewire.outbound.guard import Guard, guard_of
from tidewire.outbound.http import RequestFailedError
from tidewire.services.context import Context

T = TypeVar("T")

_AGENT: Final = f"Tidewire/{tidewire.__version__}"


async def ask(context: Context, conversation: Conversation[T]) -> T:
    """What comes out of a conversation with a provider. Raises :class:`ProviderFailedError`."""
    settings = context.settings
    guard = guard_of(settings)
    seconds, most_bytes = settings.oauth2_timeout, settings.oauth2_max_answer_bytes
    try:
        async with guarded_calls(guard, seconds=seconds, most_bytes=most_bytes) as calls:
            return await _carried(calls, guard, conversation)
    except RequestFailedError as error:
        raise ProviderFailedError(str(error)) from None


async def _carried(calls: Calls, guard: Guard, conversation: Conversation[T]) -> T:
    try:
        request = next(conversation)
        while True:
            request = conversation.send(await _answer(calls, guard, request))
    except StopIteration as ended:
        result: T = ended.value
        return result


async def _answer(calls: Calls, guard: Guard, request: ProviderRequest) -> ProviderAnswer:
    """Send a request. What it carries is secret: it goes in clear to hosts only that the operator names."""
    address = urlsplit(request.url)
    if address.scheme != "https" and not guard.exempts(address.hostname or ""):
        raise ProviderFailedError("its address must begin with https://")
    headers = [("user-agent", _AGENT), *request.headers]
    answered = await calls.send(request.method, request.url, headers, request.body)
    return ProviderAnswer(answered.status, answered.body)
