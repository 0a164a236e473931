"""The event that all peers send: a file that people and teams may change, as Tidewire tells of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import msgspec

EVENT_BYTES: Final = 2_800
"""Size of one event message that every peer sends, give or take the granularity of its padding."""

PLACEHOLDER: Final = "0" * 20
"""Where a peer that can do it puts the receiver's own subscription id: the last thing in the message."""

BUCKET: Final = "bench"
FILE: Final = "padded"


def permissions() -> Iterator[str]:
    """Permissions as files have them: for the roles of teams and for people, all with random ids."""
    digits = random.Random(1)
    while True:
        team, *people = (f"66{digits.getrandbits(72):018x}" for _ in range(4))
        roles = [f"team:{team}/{role}" for role in ("owner", "admin", "member")]
        for role in (*roles, *(f"user:{person}" for person in people)):
            yield from (f'{action}("{role}")' for action in ("read", "update", "delete"))


def padded(size: int) -> dict[str, object]:
    """A file's name and permissions: as JSON they take ``size`` bytes more than a name of one letter."""
    taken: list[str] = []
    for permission in permissions():
        length = len(msgspec.json.encode(permission)) + len(",")
        if length > size:
            break
        taken.append(permission)
        size -= length
    # The first permission has no comma before it.
    return {"name": "n" * (1 + max(0, size) + bool(taken)), "permissions": taken}


def event_text() -> str:
    """A message of exactly EVENT_BYTES that ends with the placeholder of a subscription id."""
    return _event(EVENT_BYTES - len(_event(0)))


def _event(padding: int) -> str:
    file = padded(padding)
    of_bucket, of_file = f"buckets.{BUCKET}", f"buckets.{BUCKET}.files.{FILE}"
    payload = {
        "$id": FILE,
        "bucketId": BUCKET,
        "$createdAt": "2026-01-01T12:00:00.000+00:00",
        "$updatedAt": "2026-01-01T12:00:00.000+00:00",
        "$permissions": file["permissions"],
        "name": file["name"],
        "signature": "d41d8cd98f00b204e9800998ecf8427e",
        "mimeType": "text/plain",
        "sizeOriginal": 1_022,
        "chunksTotal": 1,
        "chunksUploaded": 1,
    }
    events = [
        f"{bucket}.files.{name}{action}"
        for bucket in (of_bucket, "buckets.*")
        for name in (FILE, "*")
        for action in (".update", "")
    ]
    data = {
        "events": [*events, of_bucket, "buckets.*"],
        "channels": ["files", f"{of_bucket}.files", of_file],
        "timestamp": "2026-01-01T12:00:00.000+00:00",
        "payload": payload,
        "offset": 1_000,
        "subscriptions": [PLACEHOLDER],
    }
    return msgspec.json.encode({"type": "event", "data": data}).decode()
