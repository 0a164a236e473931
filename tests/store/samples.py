"""Made-up data."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from tidewire.core.events import Event
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import buckets, files, memberships, sessions, teams, users


def event(number: int = 1, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "pattern": "buckets.[bucketId].files.[fileId].create",
        "parameters": {"bucketId": "b1", "fileId": f"f{number}"},
        "channels": ["files", "buckets.b1.files"],
        "roles": ["any"],
        "payload": b'{"$id":"f%d"}' % number,
        "timestamp": 1_700_000_000_000 + number,
    }
    return Event(**(values | changes))


def add_user(connection: Connection, user_id: str, **changes: Any) -> None:
    connection.execute(insert(users).values(**({"id": user_id, "created_at": 1, "updated_at": 1} | changes)))


def add_session(connection: Connection, session_id: str, user_id: str, **changes: Any) -> None:
    values = {"id": session_id, "user_id": user_id, "created_at": 1, "updated_at": 1} | changes
    connection.execute(insert(sessions).values(**values))


def add_team(connection: Connection, team_id: str) -> None:
    connection.execute(insert(teams).values(id=team_id, created_at=1, updated_at=1, name=team_id))


def add_membership(
    connection: Connection, membership_id: str, team_id: str, user_id: str, **changes: Any
) -> None:
    values = {"id": membership_id, "team_id": team_id, "user_id": user_id, "created_at": 1, "updated_at": 1}
    connection.execute(insert(memberships).values(**(values | changes)))


def add_bucket(connection: Connection, bucket_id: str, **changes: Any) -> int:
    values = {"id": bucket_id, "created_at": 1, "updated_at": 1, "name": bucket_id, "maximum_file_size": 9}
    result = connection.execute(insert(buckets).values(**(values | changes)))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def add_file(connection: Connection, bucket: int, file_id: str, **changes: Any) -> int:
    values = {
        "id": file_id,
        "bucket_sequence": bucket,
        "created_at": 1,
        "updated_at": 1,
        "signature": "",
        "size": 1,
    }
    result = connection.execute(insert(files).values(**(values | changes)))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])
