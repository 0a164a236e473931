"""The unmodified Python SDK against a real server; its strict models check every answer."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
import websockets
from appwrite.client import Client
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.input_file import InputFile
from appwrite.permission import Permission
from appwrite.query import Query
from appwrite.role import Role
from appwrite.services.account import Account
from appwrite.services.storage import Storage

from tests.support.server import TidewireServer


def client(server: TidewireServer) -> Client:
    made = Client()
    made.set_endpoint(server.endpoint).set_project(server.project)
    return made


@pytest.fixture
def storage(server: TidewireServer, api_key: str) -> Storage:
    return Storage(client(server).set_key(api_key))


def test_account(server: TidewireServer, api_key: str) -> None:
    guest = Account(client(server))
    email = f"{ID.unique()}@example.com"
    user = guest.create(user_id=ID.unique(), email=email, password="correct horse", name="Ada")
    assert (user.email, user.name, user.status) == (email, "Ada", True)
    with pytest.raises(AppwriteException) as duplicate:
        guest.create(user_id=ID.unique(), email=email.upper(), password="correct horse")
    assert (duplicate.value.code, duplicate.value.type) == (409, "user_already_exists")

    session = Account(client(server).set_key(api_key)).create_email_password_session(email, "correct horse")
    account = Account(client(server).set_session(session.secret))
    assert account.get().id == user.id
    assert account.update_prefs({"theme": "dark"}).prefs.to_dict() == {"theme": "dark"}
    assert [listed.current for listed in account.list_sessions().sessions] == [True]
    assert account.get_session("current").id == session.id
    account.delete_session("current")
    with pytest.raises(AppwriteException) as ended:
        account.get()
    assert (ended.value.code, ended.value.type) == (401, "general_unauthorized_scope")


async def test_files_and_their_events(server: TidewireServer, storage: Storage) -> None:
    bucket = storage.create_bucket(ID.unique(), "Reports", [Permission.read(Role.any())])
    content = os.urandom(11 * 1024 * 1024)
    address = f"{server.realtime}?project={server.project}&channels[]=buckets.{bucket.id}.files"
    async with websockets.connect(address) as guest:
        assert json.loads(await guest.recv())["type"] == "connected"
        steps: list[object] = []
        small = storage.create_file(bucket.id, ID.unique(), InputFile.from_bytes(b"%PDF-1.7", "a.pdf"))
        large = storage.create_file(
            bucket.id, ID.unique(), InputFile.from_bytes(content, "large.bin"), on_progress=steps.append
        )
        created = [json.loads(await guest.recv())["data"] for _ in range(2)]
    assert [event["payload"]["$id"] for event in created] == [small.id, large.id]
    assert f"buckets.{bucket.id}.files.{small.id}.create" == created[0]["events"][0]
    assert large.signature == hashlib.md5(content).hexdigest()
    assert storage.get_file_download(bucket.id, large.id) == content
    assert (
        storage.list_files(bucket.id, [Query.equal("name", ["a.pdf"])]).files[0].mimetype == "application/pdf"
    )
    listed = storage.list_files(bucket.id, [Query.order_desc("sizeOriginal"), Query.limit(1)])
    assert (listed.total, [file.id for file in listed.files]) == (2, [large.id])
    renamed = storage.update_file(bucket.id, small.id, name="b.pdf")
    assert renamed.name == "b.pdf"
    storage.delete_bucket(bucket.id)
    with pytest.raises(AppwriteException) as gone:
        storage.get_file(bucket.id, small.id)
    assert (gone.value.code, gone.value.type) == (404, "storage_bucket_not_found")
