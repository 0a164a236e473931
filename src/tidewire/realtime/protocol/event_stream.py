"""Connections by Server-Sent Events: how they ask, and how they say where they were, which differs from
WebSockets.

An event stream cannot be sent messages, so that everything stands in the URL of its request.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tidewire.realtime.protocol.errors import INVALID_FORMAT, MessageError
from tidewire.realtime.protocol.messages import MAX_OFFSET, Since
from tidewire.realtime.protocol.request import Inputs

_EVENT_ID: Final = re.compile(r"(\w{1,64}):(\d{1,16})\Z")


def stream_start(inputs: Inputs, last_event: str) -> Since | None:
    """The position that an event stream begins at; None if it begins with what happens from now on. Raises
    :class:`MessageError`.

    ``last_event`` is the header ``Last-Event-ID``, before the parameter ``lastEventId``. ``queries[]`` are
    made those of all channels; otherwise each channel may name its own, as in the URLs of WebSockets.
    """
    _share_queries(inputs.parameters)
    if not inputs.parameters.get("channels"):
        raise MessageError(INVALID_FORMAT, "Name the channels in the URL: channels[]=files.")
    told = inputs.parameters.get("lastEventId")
    event_id = last_event or (told if isinstance(told, str) else "")
    if not event_id:
        return None
    found = _EVENT_ID.match(event_id)
    if found is None or int(found[2]) > MAX_OFFSET:
        raise MessageError(INVALID_FORMAT, "Last-Event-ID must be the id of an event: <epoch>:<offset>.")
    return Since(int(found[2]), found[1])


def _share_queries(parameters: dict[str, Any]) -> None:
    queries = parameters.pop("queries", None)
    channels = parameters.get("channels")
    if queries is None or not isinstance(channels, list | dict):
        return
    for channel in channels if isinstance(channels, list) else channels.values():
        if isinstance(channel, str):
            parameters[channel.replace(".", "_").replace(" ", "_")] = {"0": queries}
