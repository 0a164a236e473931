"""What the console's live tail shows of events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.vectors import Case, load_cases
from tidewire.core.events import Event
from tidewire.core.live_tail import tail_entry, tail_of

DOCUMENT = "databases.[databaseId].collections.[collectionId].documents.[documentId]"
PATTERNS: dict[str, tuple[str, str, str]] = {
    "databases.shop.collections.orders.documents.d1.create": (
        f"{DOCUMENT}.create",
        "shop orders d1",
        "legacy",
    ),
    "tablesdb.shop.tables.orders.rows.r1.update": (f"{DOCUMENT}.update", "shop orders r1", "tablesdb"),
    "documentsdb.d.collections.c.create": (
        "databases.[databaseId].collections.[collectionId].create",
        "d c",
        "documentsdb",
    ),
    "users.u1.update": ("users.[userId].update", "u1", ""),
    "users.u1.sessions.s1.create": ("users.[userId].sessions.[sessionId].create", "u1 s1", ""),
    "teams.t1.memberships.m1.update.status": (
        "teams.[teamId].memberships.[membershipId].update.status",
        "t1 m1",
        "",
    ),
    "teams.t1.create": ("teams.[teamId].create", "t1", ""),
    "buckets.b1.files.f1.delete": ("buckets.[bucketId].files.[fileId].delete", "b1 f1", ""),
    "functions.f1.executions.e1.update": (
        "functions.[functionId].executions.[executionId].update",
        "f1 e1",
        "",
    ),
    "presences.p1.upsert": ("presences.[presenceId].upsert", "p1", ""),
    "projects.p1.ping": ("projects.[projectId].ping", "p1", ""),
    "sites.s1.deployments.d1.update": ("sites.[siteId].deployments.[deploymentId].update", "s1 d1", ""),
}
"""The events of the vectors: pattern, values of its placeholders, type of the database."""


@pytest.mark.parametrize(
    "case", [each for each in load_cases("tail_metadata") if each.values[0]["event"]["data"]["events"]]
)
def test_vectors(case: Case) -> None:
    data: Any = case["event"]["data"]
    pattern, values, database_type = PATTERNS[data["events"][0]]
    names = [segment[1:-1] for segment in pattern.split(".") if segment.startswith("[")]
    event = Event(
        pattern=pattern,
        parameters=dict(zip(names, values.split(), strict=True)),
        channels=[],
        roles=[],
        payload=msgspec.json.encode(data["payload"]),
        timestamp=1_772_359_200_000,
        user_id=case["event"]["userId"] or "",
        database_type=database_type,
    )
    assert tail_entry(event) == case["expected"]
    assert list(tail_entry(event))[:6] == ["event", "type", "action", "userId", "timestamp", "resourceId"]


def test_only_what_names_a_project_is_a_tail() -> None:
    names = ("console.tail.p1", "console.tail.", "console.tail", "files")
    assert [tail_of(name) for name in names] == ["p1", "", "", ""]


@pytest.mark.parametrize("payload", [b'{"$id":5}', b'{"$id":{"a":[]}}', b'{"$id":null}', b"{}"])
def test_what_publishers_write_where_ids_stand_is_not_shown(payload: bytes) -> None:
    event = Event(
        pattern="channels.[channelId].messages.[messageId].create",
        parameters={"channelId": "c", "messageId": "m"},
        channels=[],
        roles=[],
        payload=payload,
        timestamp=0,
    )
    assert tail_entry(event)["resourceId"] is None
