"""Files that push messages show: a signed token opens one, for an hour, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import httpx
import jwt
import pytest

from tests.api.test_file_tokens import Bucket
from tests.support.api import ApiServer
from tidewire.core.time import now
from tidewire.store.secrets.credentials import (
    InvalidJwtError,
    PushClaims,
    decode_push_token,
    encode_push_token,
)

OWN = b"a secret that the operator chose, and knows"


@pytest.fixture
def bucket(program: httpx.Client) -> Bucket:
    return Bucket(program)


def read(client: httpx.Client, bucket: Bucket, token: str, file: str = "") -> httpx.Response:
    return client.get(f"{bucket.path}/files/{file or bucket.files[0]}/push", params={"jwt": token})


def test_a_token_opens_its_file(
    api: ApiServer, client: httpx.Client, program: httpx.Client, bucket: Bucket
) -> None:
    secret = api.instance.jwt_secret
    claims = PushClaims(api.project, bucket.id, bucket.files[0])
    token = encode_push_token(claims, now(), secret)
    answer = read(client, bucket, token)
    assert (answer.status_code, answer.text) == (200, f"one of {bucket.id}")
    assert answer.headers["content-disposition"].startswith("inline")
    part = client.get(
        f"{bucket.path}/files/{bucket.files[0]}/push", params={"jwt": token}, headers={"Range": "bytes=0-2"}
    )
    assert (part.status_code, part.text) == (206, "one")
    saved = encode_push_token(replace(claims, disposition="attachment"), now(), secret)
    assert read(client, bucket, saved).headers["content-disposition"].startswith("attachment")
    refused = {
        "none": "",
        "no token": "x",
        "of another file": token,
        "expired": encode_push_token(claims, now() - 3_601_000, secret),
        "another project": encode_push_token(replace(claims, project_id="other"), now(), secret),
        "another secret": encode_push_token(claims, now(), b"y" * 32),
        "another purpose": bucket.token()["secret"],
        "the secret as it is, which the operator did not choose": jwt.encode(
            {
                "projectId": api.project,
                "bucketId": bucket.id,
                "fileId": bucket.files[0],
                "iat": now() // 1000,
            },
            secret,
            "HS256",
        ),
    }
    for what, text in refused.items():
        answer = read(client, bucket, text, bucket.files[1] if what == "of another file" else "")
        assert (answer.status_code, answer.json()["type"]) == (401, "user_unauthorized"), what
    assert client.get(f"{bucket.path}/files/{bucket.files[0]}/view").status_code in {401, 404}
    assert client.get(f"{bucket.path}/files/{bucket.files[0]}/view?token={token}").status_code in {401, 404}
    program.put(bucket.path, json={"name": "b", "enabled": False})
    assert read(client, bucket, token).status_code == 404
    program.put(bucket.path, json={"name": "b", "enabled": True})
    program.delete(f"{bucket.path}/files/{bucket.files[0]}")
    gone = read(client, bucket, token)
    assert (gone.status_code, gone.json()["type"]) == (404, "storage_file_not_found")


def test_a_token_for_the_console_names_its_own_files(
    api: ApiServer, client: httpx.Client, bucket: Bucket
) -> None:
    claims = PushClaims(api.project, bucket.id, bucket.files[0], internal=True)
    token = encode_push_token(claims, now(), api.instance.jwt_secret)
    assert read(client, bucket, token).json()["type"] == "storage_bucket_not_found"


def test_programs_of_the_operator_sign_with_the_secret_that_they_chose() -> None:
    named = {"projectId": "p", "bucketId": "b", "fileId": "f"}
    signed = jwt.encode({**named, "iat": now() // 1000}, OWN, "HS256")
    claims = decode_push_token(signed, OWN, OWN, now())
    assert claims == PushClaims("p", "b", "f")
    late = jwt.encode({**named, "exp": now() // 1000 + 90_000}, OWN, "HS256")
    assert decode_push_token(late, OWN, OWN, now()) == claims
    for text, own in (
        (signed, b""),
        (jwt.encode(named, OWN, "HS256"), OWN),
        (jwt.encode({**named, "exp": now() // 1000 - 1}, OWN, "HS256"), OWN),
        (jwt.encode({"projectId": "p", "iat": now() // 1000}, OWN, "HS256"), OWN),
        (jwt.encode({**named, "iat": now() // 1000}, "", "none"), OWN),
        (jwt.encode({**named, "iat": "x"}, OWN, "HS256"), OWN),
    ):
        with pytest.raises(InvalidJwtError):
            decode_push_token(text, OWN, own, now())
