"""Subscriptions in the URL, as SDKs send them that are older than the message protocol.

Their subscriptions are "slots" that the client numbers: ``channels[]=files&files[0][]=…&files[1][]=…`` asks
for two subscriptions to one channel, each with a query. A channel without queries is in slot 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidewire.core.channels import convert_channels
from tidewire.core.live_tail import tail_of
from tidewire.core.queries import Query
from tidewire.core.realtime_queries import InvalidRealtimeQueryError, parse_realtime_queries
from tidewire.realtime.protocol.errors import NOT_A_FRAME, POLICY_VIOLATION, MessageError

_TWICE: Final = re.compile("%25(?=[0-9A-Fa-f]{2})")
_EVERYTHING: Final = Query("select", "", ("*",))
_DEFAULT_SLOT: Final = "0"


@dataclass(slots=True)
class Slot:
    """A subscription under the name that the client gave it."""

    name: str
    queries: list[Query]
    channels: list[str]


@dataclass(frozen=True, slots=True)
class UrlSubscriptions:
    """The subscriptions that a URL asks for."""

    channels: list[str]
    """All of them, converted; empty: the client subscribes by messages."""
    slots: list[Slot]
    """The slots in the order of their first use."""


def encoded_once(query_string: str) -> str:
    """The query string without what is percent-encoded twice of slots and queries.

    Newer systems of Apple encode an URL as a whole that has brackets in it, the parts included that older
    SDKs have encoded already.
    """
    if "%257B" not in query_string and "%255B" not in query_string:
        return query_string
    pairs = (pair.partition("=") for pair in query_string.split("&"))
    return "&".join(
        (_TWICE.sub("%", name) if "%255B" in name else name)
        + equals
        + (_TWICE.sub("%", value) if value.startswith("%257B") else value)
        for name, equals, value in pairs
    )


def read_url_subscriptions(
    parameters: Mapping[str, Any], user_id: str | None, *, extended_queries: bool = True
) -> UrlSubscriptions:
    """Read the subscriptions of a client from the query string. Raises :class:`MessageError`.

    ``user_id`` is empty for guests, and None for programs, which get the channels as they are.
    """
    asked = _channels(parameters.get("channels", []))
    if any(map(tail_of, asked)):
        raise MessageError(POLICY_VIOLATION, "The live tail is subscribed to by message only.")
    channels = list(dict.fromkeys(asked)) if user_id is None else convert_channels(asked, user_id)
    slots: dict[str, Slot] = {}
    for channel in channels:
        for name, texts in _slots_of(channel, parameters):
            slot = slots.get(name)
            if slot is None:
                slot = slots[name] = Slot(name, _queries(texts, extended_queries), [])
            slot.channels.append(channel)
    return UrlSubscriptions(channels, list(slots.values()))


def _channels(value: object) -> list[str]:
    values = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(values, list) or not all(isinstance(channel, str) for channel in values):
        raise MessageError(NOT_A_FRAME, "channels must be a list of strings: channels[]=files.")
    return values


def _slots_of(channel: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The slots that a channel joins, each with the queries given for it there; None: none."""
    value = parameters.get(channel.replace(".", "_").replace(" ", "_"))
    if value is None or (channel == "project" and isinstance(value, str)):
        # The parameter of that name is the project's id.
        yield _DEFAULT_SLOT, None
    elif isinstance(value, str):
        yield _DEFAULT_SLOT, value
    elif isinstance(value, list):
        yield from ((str(number), texts) for number, texts in enumerate(value))
    else:
        yield from value.items()


def _queries(texts: object, extended: bool) -> list[Query]:
    if texts is None:
        return [_EVERYTHING]
    if isinstance(texts, dict):
        texts = list(texts.values())
    try:
        return parse_realtime_queries([texts] if isinstance(texts, str) else texts, extended=extended)
    except InvalidRealtimeQueryError as error:
        raise MessageError(POLICY_VIOLATION, f"Invalid query: {error}") from None
