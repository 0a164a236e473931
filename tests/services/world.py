"""One project with its real store, and the people who use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.support.identities import session_identity
from tidewire.core.events import Event
from tidewire.core.identities import Caller
from tidewire.core.models import Bucket
from tidewire.core.time import now
from tidewire.core.uploads import CHUNK_SIZE, ContentRange, Upload
from tidewire.services.account import users
from tidewire.services.context import Client, Context
from tidewire.services.passwords import PasswordHasher
from tidewire.services.storage import buckets
from tidewire.settings import Settings
from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database
from tidewire.store.instance.instance import Instance, Project
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.records.identities import user_identity

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
PASSWORD = "correct horse battery"
JWT_SECRET = b"x" * 32

GUEST = Caller("guest", None, ("any", "guests"))
KEY = Caller("key", None, ("any", "keys"))


@dataclass
class World:
    """A project, opened on real databases and objects in a directory."""

    directory: Path
    database: Database
    objects: ObjectStorage
    passwords: PasswordHasher
    settings: Settings
    project: Project
    instance: Instance

    @classmethod
    async def open(cls, directory: Path, settings: Settings | None = None) -> World:
        instance = await Instance.open(Settings(data_dir=str(directory), synchronous="normal"))
        if await instance.project("p1") is None:
            await instance.create_project("p1", "Project")
        store = await instance.project("p1")
        assert store is not None
        passwords = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        return cls(
            directory,
            store.database,
            store.objects,
            passwords,
            settings or Settings(data_dir=str(directory)),
            store.project,
            instance,
        )

    async def close(self) -> None:
        await self.instance.close()
        self.passwords.close()

    def context(self, caller: Caller = KEY) -> Context:
        """A request of ``caller``."""
        return Context(
            project=self.project,
            caller=caller,
            client=Client("203.0.113.7", CHROME, from_this_machine=True),
            database=self.database,
            objects=self.objects,
            passwords=self.passwords,
            jwt_secret=JWT_SECRET,
            settings=self.settings,
            instance=self.instance,
        )

    async def user(self, user_id: str) -> Caller:
        """Sign somebody up; the caller has no session."""
        await users.create(self.context(GUEST), user_id, f"{user_id}@example.com", PASSWORD)
        identity = await self.database.read(lambda connection: user_identity(connection, user_id))
        assert identity is not None
        return Caller("user", identity, ("any", *identity.roles))

    async def caller_of(self, encoded_session: str, *, by_jwt: bool = False) -> Caller | None:
        """Who shows this session."""
        identity = await self.database.read(
            lambda connection: session_identity(connection, encoded_session, now())
        )
        return Caller("user", identity, ("any", *identity.roles), by_jwt=by_jwt) if identity else None

    async def bucket(self, bucket_id: str = "b1", *permissions: str, **settings: Any) -> Bucket:
        return await buckets.create_bucket(self.context(), bucket_id, "Bucket", list(permissions), **settings)

    async def upload(
        self,
        content: bytes,
        name: str = "hello.txt",
        content_range: ContentRange | None = None,
        upload_id: str | None = None,
    ) -> Upload:
        """Receive content as the wire does: into an object that nothing refers to yet."""
        writer = self.objects.writer()
        await writer.write(content)
        stored = await writer.finish()
        return Upload(name, stored.key, stored.size, stored.md5, stored.head, content_range, upload_id)

    async def chunk(
        self, content: bytes, number: int, size: int = CHUNK_SIZE, upload_id: str | None = None
    ) -> Upload:
        """Receive the chunk of ``content`` with this number."""
        start = (number - 1) * size
        end = min(start + size, len(content))
        place = ContentRange(start, end - 1, len(content))
        return await self.upload(content[start:end], "big.bin", place, upload_id)

    async def events(self) -> list[Event]:
        """Everything in the log, oldest first."""
        logged = await self.database.read(lambda connection: event_log.read_after(connection, 0, 10_000))
        return [each.event for each in logged]

    async def last_event(self) -> Event:
        return (await self.events())[-1]

    def stored_objects(self) -> int:
        """Objects that exist."""
        return sum(1 for path in (self.directory / "objects").rglob("*") if path.is_file())


def payload(event: Event) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(event.payload)
    return decoded


def on_the_wire(model: object) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(model))
    return decoded
