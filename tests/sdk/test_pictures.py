"""Previews, file tokens and avatars by the unmodified SDKs."""

from __future__ import annotations

import base64
import datetime

import pytest
from appwrite.client import Client
from appwrite.enums.browser import Browser
from appwrite.enums.image_format import ImageFormat
from appwrite.enums.image_gravity import ImageGravity
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.input_file import InputFile
from appwrite.services.avatars import Avatars
from appwrite.services.storage import Storage
from appwrite.services.tokens import Tokens

from tests.sdk.node import run_node
from tests.support.pictures import corners, saved, shown
from tests.support.server import TidewireServer

PICTURE = saved(corners())


@pytest.mark.parametrize("sdk", ["appwrite", "appwrite-28"])
def test_addresses_for_images(server: TidewireServer, api_key: str, sdk: str) -> None:
    picture = base64.b64encode(PICTURE).decode()
    seen = run_node("pictures.mjs", sdk, server.endpoint, server.project, api_key, picture)
    assert (seen["closed"]["status"], seen["revoked"]["status"]) == (401, 401)
    for how in ("view", "download"):
        assert (seen[how]["status"], seen[how]["size"]) == (200, len(PICTURE))
    assert (seen["preview"]["status"], seen["preview"]["type"]) == (200, "image/webp")
    for avatar in ("initials", "flag", "browser", "card", "qr"):
        assert (seen[avatar]["status"], seen[avatar]["type"]) == (200, "image/png"), avatar
    assert (seen["listed"], seen["kept"], seen["endless"]) == ([True], True, "")
    assert 0 < seen["fetched"] < seen["original"]


def test_the_python_sdk(server: TidewireServer, api_key: str) -> None:
    client = Client().set_endpoint(server.endpoint).set_project(server.project).set_key(api_key)
    storage, tokens, avatars = Storage(client), Tokens(client), Avatars(client)
    bucket, file = ID.unique(), ID.unique()
    storage.create_bucket(bucket, "Private", [])
    storage.create_file(bucket, file, InputFile.from_bytes(PICTURE, "a.png"))
    end = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).isoformat()
    token = tokens.create_file_token(bucket, file, end)
    assert tokens.get(token.id).secret == token.secret
    assert tokens.list(bucket, file).total == 1
    assert tokens.update(token.id).expire == token.expire
    tokens.delete(token.id)
    with pytest.raises(AppwriteException) as gone:
        tokens.get(token.id)
    assert gone.value.type == "token_not_found"
    preview = storage.get_file_preview(
        bucket, file, width=30, height=30, gravity=ImageGravity.TOP, output=ImageFormat.JPG
    )
    assert (shown(preview).format, shown(preview).size) == ("JPEG", (30, 30))
    assert shown(avatars.get_browser(Browser.GOOGLE_CHROME, width=20, height=20)).size == (20, 20)
    assert shown(avatars.get_qr("hello", size=60)).size == (60, 60)
    assert shown(avatars.get_photo(width=40, height=40)).size == (40, 40)
