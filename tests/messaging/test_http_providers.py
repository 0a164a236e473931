"""Providers that are called by HTTP: a server that speaks their interfaces gets what they want to get."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.messaging.office import Office, office
from tests.sdk.node import JAVASCRIPT
from tests.support.receiver import Received, Receiver, answer, running_receiver
from tidewire.core.ids import unique_id
from tidewire.core.time import format_datetime, now
from tidewire.outgoing.messaging.http_providers import HTTP_PROVIDERS
from tidewire.outgoing.messaging.signatures import aws_headers

MAIL = {"fromName": "News", "fromEmail": "news@example.com", "replyToEmail": "answers@example.com"}
PROVIDERS: Mapping[str, Mapping[str, Any]] = {
    "mailgun": {"apiKey": "k", "domain": "example.com", "isEuRegion": False, **MAIL},
    "sendgrid": {"apiKey": "k", **MAIL},
    "resend": {"apiKey": "k", **MAIL},
    "ses": {"accessKey": "a", "secretKey": "s", "region": "eu-central-1", **MAIL},
    "twilio": {"accountSid": "sid", "authToken": "t", "from": "+15005550006"},
    "vonage": {"apiKey": "k", "apiSecret": "s", "from": "+15005550006"},
    "telesign": {"customerId": "c", "apiKey": "k", "from": "+15005550006"},
    "textmagic": {"username": "u", "apiKey": "k", "from": "+15005550006"},
    "msg91": {"senderId": "s", "authKey": "k", "templateId": "t"},
}
ANSWERS = {"vonage": '{"messages": [{"status": "0"}]}', "msg91": '{"type": "success"}'}
BASIC = {"mailgun": "api:k", "twilio": "sid:t", "telesign": "c:k"}


@dataclass
class Interfaces:
    """What stands in for all providers: it answers as a test wishes."""

    receiver: Receiver = field(default_factory=Receiver)
    answers: list[bytes] = field(default_factory=list)
    """Given first, one each."""

    async def reply(self, request: Received) -> bytes:
        if self.answers:
            return self.answers.pop(0)
        kind = request.target.split("/")[1]
        if kind == "token":
            return answer(body='{"access_token": "granted", "expires_in": 3600}')
        return answer(body=ANSWERS.get(kind, "{}"))

    def of(self, kind: str) -> list[Received]:
        """The requests to one kind."""
        return [each for each in self.receiver.requests if each.target.startswith(f"/{kind}/")]


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Office, Interfaces, subprocess.Popen[str]]]:
    interfaces = Interfaces()
    node = ["node", "apns.mjs"]
    with (
        running_receiver(interfaces.reply) as receiver,
        subprocess.Popen(node, cwd=JAVASCRIPT, stdout=subprocess.PIPE, text=True) as apple,
    ):
        assert apple.stdout is not None
        interfaces.receiver = receiver
        places = [f"{kind}={receiver.url()}{kind}" for kind in (*PROVIDERS, "fcm")]
        places.append(f"apns=http://127.0.0.1:{apple.stdout.readline().strip()}")
        directory = tmp_path_factory.mktemp("interfaces")
        with office(directory, TIDEWIRE_MESSAGING_ENDPOINTS=",".join(places)) as made:
            yield made, interfaces, apple
        apple.terminate()


@pytest.fixture
def post(world: tuple[Office, Interfaces, subprocess.Popen[str]]) -> Office:
    world[0].project()
    return world[0]


@pytest.fixture
def interfaces(world: tuple[Office, Interfaces, subprocess.Popen[str]]) -> Interfaces:
    world[1].receiver.requests.clear()
    world[1].answers.clear()
    return world[1]


def addressed(kind: str, request: Received) -> list[str]:
    """Who is told by a request."""
    if kind == "mailgun":
        return [line for line in request.body.decode().splitlines() if line.endswith("@people.example")]
    if kind == "ses":
        return list(request.json["Destination"]["BccAddresses"])
    if kind == "sendgrid":
        return [each["to"][0]["email"] for each in request.json["personalizations"]]
    if kind == "resend":
        return [each["to"][0] for each in request.json]
    if kind == "msg91":
        return [each["mobiles"] for each in request.json["recipients"]]
    fields = parse_qs(request.body.decode())
    return fields[{"twilio": "To", "telesign": "phone_number", "textmagic": "phones"}.get(kind, "to")]


def people(post: Office, kind: str, count: int) -> tuple[str, list[str]]:
    """A user with targets of the kind that a provider reaches; the id and the addresses."""
    user = unique_id()
    post.post("/users", userId=user)
    if kind in {"mailgun", "sendgrid", "resend", "ses"}:
        addresses = [f"{unique_id()}@people.example" for _ in range(count)]
    else:
        addresses = [f"+1500{number:07}" for number in range(count)]
    for address in addresses:
        post.target(user, "email" if "@" in address else "sms", address)
    return user, addresses


@pytest.mark.parametrize("kind", HTTP_PROVIDERS)
def test_every_kind(post: Office, interfaces: Interfaces, kind: str) -> None:
    post.provider(kind, **PROVIDERS[kind])
    user, addresses = people(post, kind, 3)
    by_mail = "@" in addresses[0]
    message = post.send("email" if by_mail else "sms", users=[user], content="Hello <b>you</b>")
    shown = post.ended(message)
    assert (shown["status"], shown["deliveredTotal"], shown["deliveryErrors"]) == ("sent", 3, [])
    requests = interfaces.of(kind)
    assert len(requests) == (1 if HTTP_PROVIDERS[kind].at_once > 1 else 3)
    told = sorted(each for request in requests for each in addressed(kind, request))
    assert [each.removeprefix("+") for each in told] == sorted(each.removeprefix("+") for each in addresses)
    for request in requests:
        text = request.body.decode()
        if kind == "ses":
            raw = base64.b64decode(request.json["Content"]["Raw"]["Data"])
            mail = message_from_bytes(raw, policy=policy.default)
            text = f"{mail.get_content()} {mail}"
        elif request.headers["content-type"].startswith("application/x-www"):
            text = str(parse_qsl(text))
        elif kind != "mailgun":
            text = str(json.loads(text))
        assert "Hello <b>you</b>" in text
        if by_mail:
            assert "news@example.com" in text
            assert "answers@example.com" in text
        if kind in BASIC:
            assert (
                request.headers["authorization"] == "Basic " + base64.b64encode(BASIC[kind].encode()).decode()
            )


@pytest.mark.parametrize("kind", ["sendgrid", "twilio"])
def test_who_calls_too_often_waits(post: Office, interfaces: Interfaces, kind: str) -> None:
    post.provider(kind, **PROVIDERS[kind])
    user, addresses = people(post, kind, 1)
    interfaces.answers = [answer(429, "Retry-After: 1\r\n"), answer(503)]
    shown = post.ended(post.send("email" if "@" in addresses[0] else "sms", users=[user]))
    assert (shown["status"], shown["deliveredTotal"], len(interfaces.of(kind))) == ("sent", 1, 3)


def test_what_goes_on_failing_is_given_up(post: Office, interfaces: Interfaces) -> None:
    post.provider("twilio", **PROVIDERS["twilio"])
    user, _ = people(post, "twilio", 1)
    interfaces.answers = [answer(500)] * 5
    shown = post.ended(post.send("sms", users=[user]))
    assert (shown["status"], shown["deliveredTotal"], len(interfaces.of("twilio"))) == ("failed", 0, 5)
    assert "error: 500" in shown["deliveryErrors"][0]


def test_what_is_wrong_is_not_tried_again(post: Office, interfaces: Interfaces) -> None:
    post.provider("twilio", **PROVIDERS["twilio"])
    user, addresses = people(post, "twilio", 1)
    interfaces.answers = [answer(401, body=json.dumps({"message": f"no such account for {addresses[0]}"}))]
    shown = post.ended(post.send("sms", users=[user]))
    assert (shown["status"], len(interfaces.of("twilio"))) == ("failed", 1)
    assert "401 no such account" in shown["deliveryErrors"][0]
    assert addresses[0] not in str(shown)


def test_one_who_is_wrong_does_not_keep_the_others(post: Office, interfaces: Interfaces) -> None:
    post.provider("sendgrid", **PROVIDERS["sendgrid"])
    user, _ = people(post, "sendgrid", 4)
    wrong = answer(400, body='{"errors": [{"message": "no address"}]}')
    interfaces.answers = [wrong, wrong, wrong]  # of all four, of two, of one
    shown = post.ended(post.send("email", users=[user]))
    assert (shown["status"], shown["deliveredTotal"], len(shown["deliveryErrors"])) == ("failed", 3, 1)
    assert "400 no address" in shown["deliveryErrors"][0]


def test_vonage_tells_of_problems_with_status_200(post: Office, interfaces: Interfaces) -> None:
    post.provider("vonage", **PROVIDERS["vonage"])
    user, _ = people(post, "vonage", 1)
    throttled = '{"messages": [{"status": "1", "error-text": "slow"}]}'
    refused = '{"messages": [{"status": "9", "error-text": "no money"}]}'
    interfaces.answers = [answer(body=throttled), answer(body=refused)]
    shown = post.ended(post.send("sms", users=[user]))
    assert len(interfaces.of("vonage")) == 2
    assert "no money" in shown["deliveryErrors"][0]


def test_files_go_with_mails(post: Office, interfaces: Interfaces) -> None:
    bucket = post.post("/storage/buckets", bucketId=unique_id(), name="Files")["$id"]
    post.client.post(
        f"/v1/storage/buckets/{bucket}/files",
        data={"fileId": "f"},
        files={"file": ("a.txt", b"attached", "text/plain")},
    ).raise_for_status()
    for kind in ("mailgun", "sendgrid", "resend", "ses"):
        provider = post.provider(kind, **PROVIDERS[kind])
        user, _ = people(post, kind, 2)
        shown = post.ended(post.send("email", users=[user], attachments=[f"{bucket}:f"]))
        assert shown["deliveredTotal"] == 2
        for request in interfaces.of(kind):
            body = request.body
            if kind == "ses":
                body = base64.b64decode(request.json["Content"]["Raw"]["Data"])
            assert b"attached" in body or base64.b64encode(b"attached") in body
            assert b"a.txt" in body
        post.client.delete(f"/v1/messaging/providers/{provider}").raise_for_status()


def _key(key: Any) -> str:
    written: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return written.decode()


def test_firebase(post: Office, interfaces: Interfaces) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "project_id": "p1",
        "client_email": "robot@example.com",
        "private_key_id": "k1",
        "private_key": _key(key),
        "token_uri": f"{interfaces.receiver.url()}token/",
    }
    post.provider("fcm", serviceAccountJSON=account)
    user = unique_id()
    post.post("/users", userId=user)
    gone, there = (post.target(user, "push", unique_id()) for _ in range(2))
    interfaces.answers = [
        answer(body='{"access_token": "granted", "expires_in": 3600}'),
        answer(404, body='{"error": {"status": "NOT_FOUND", "message": "gone"}}'),
    ]
    message = post.send("push", targets=[gone], data={"a": 1}, badge=2, sound="ping")
    shown = post.ended(message)
    assert shown["deliveryErrors"] == [f"Failed sending to target {gone} with error: Expired device token"]
    assert post.ended(post.send("push", users=[user]))["deliveredTotal"] == 1  # the other is told no more
    targets = post.client.get(f"/v1/users/{user}/targets").json()["targets"]
    assert {each["$id"]: each["expired"] for each in targets} == {gone: True, there: False}
    (grant,) = interfaces.of("token")  # kept for an hour
    claims = jwt.decode(
        parse_qs(grant.body.decode())["assertion"][0],
        key.public_key(),
        algorithms=["RS256"],
        audience=account["token_uri"],
    )
    assert (claims["iss"], claims["scope"]) == (
        "robot@example.com",
        "https://www.googleapis.com/auth/firebase.messaging",
    )
    first = interfaces.of("fcm")[0]
    assert (first.target, first.headers["authorization"]) == (
        "/fcm/v1/projects/p1/messages:send",
        "Bearer granted",
    )
    assert first.json["message"]["notification"] == {"title": "News", "body": "Hello"}
    assert first.json["message"]["data"] == {"a": "1"}
    assert first.json["message"]["apns"]["payload"]["aps"]["badge"] == 2


def test_access_tokens_serve_the_project_that_they_are_for_alone(
    post: Office, interfaces: Interfaces
) -> None:
    key = _key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    url = f"{interfaces.receiver.url()}token/"
    account = {"project_id": "p", "client_email": "r@example.com", "private_key": key, "token_uri": url}
    for granted in ("first", "second"):
        project = post.project()
        post.provider("fcm", serviceAccountJSON=account)
        path = post.server.data_dir / "projects" / project / "database.sqlite3"
        with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
            connection.execute("UPDATE providers SET updated_at = 1796083200000")  # both were changed at once
        user = post.user()
        post.target(user, "push", unique_id())
        interfaces.answers = [answer(body=f'{{"access_token": "{granted}", "expires_in": 3600}}')]
        assert post.ended(post.send("push", users=[user]))["deliveredTotal"] == 1
    shown = [each.headers["authorization"] for each in interfaces.of("fcm")]
    assert shown == ["Bearer first", "Bearer second"]


def test_credentials_that_are_refused_are_not_shown_for_each_device(
    post: Office, interfaces: Interfaces
) -> None:
    key = _key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    url = f"{interfaces.receiver.url()}token/"
    account = {"project_id": "p", "client_email": "r@example.com", "private_key": key, "token_uri": url}
    post.project()
    post.provider("fcm", serviceAccountJSON=account)
    user = post.user()
    for _ in range(3):
        post.target(user, "push", unique_id())
    interfaces.answers = [answer(400, body='{"error": "invalid_grant"}')]
    errors = post.ended(post.send("push", users=[user]))["deliveryErrors"]
    assert len(errors) == 3
    assert all("invalid_grant" in each for each in errors), errors
    assert len(interfaces.of("token")) == 1
    assert not interfaces.of("fcm")


def test_a_key_that_is_none_is_told(post: Office, interfaces: Interfaces) -> None:
    account = {"project_id": "p", "client_email": "r@example.com", "private_key": "none"}
    post.provider("fcm", serviceAccountJSON=account)
    user = unique_id()
    post.post("/users", userId=user)
    post.target(user, "push", unique_id())
    shown = post.ended(post.send("push", users=[user]))
    assert "credentials of the provider are of no use" in shown["deliveryErrors"][0]
    assert not interfaces.of("fcm")


def test_apple(world: tuple[Office, Interfaces, subprocess.Popen[str]], post: Office) -> None:
    apple = world[2]
    assert apple.stdout is not None
    key = ec.generate_private_key(ec.SECP256R1())
    post.provider("apns", authKey=_key(key), authKeyId="k1", teamId="t1", bundleId="com.example.app")
    user = unique_id()
    post.post("/users", userId=user)
    there = post.target(user, "push", f"device-{unique_id()}")
    gone = post.target(user, "push", f"gone-{unique_id()}")
    message = post.send("push", users=[user], data={"a": 1}, critical=True, priority="normal")
    shown = post.ended(message)
    assert (shown["status"], shown["deliveredTotal"]) == ("failed", 1)
    assert shown["deliveryErrors"] == [f"Failed sending to target {gone} with error: Expired device token"]
    requests = [json.loads(apple.stdout.readline()) for _ in range(2)]
    request = next(each for each in requests if "device-" in each["headers"][":path"])
    headers = request["headers"]
    signed = headers["authorization"].removeprefix("bearer ")
    assert jwt.decode(signed, key.public_key(), algorithms=["ES256"])["iss"] == "t1"
    assert jwt.get_unverified_header(signed)["kid"] == "k1"
    assert (headers["apns-topic"], headers["apns-push-type"], headers["apns-priority"]) == (
        "com.example.app",
        "alert",
        "5",
    )
    assert request["body"] == {
        "a": 1,
        "aps": {
            "alert": {"title": "News", "body": "Hello"},
            "sound": {"critical": 1, "name": "default", "volume": 1.0},
        },
    }
    assert there


def test_a_picture_is_read_by_devices(post: Office, interfaces: Interfaces) -> None:
    bucket = post.post("/storage/buckets", bucketId=unique_id(), name="Files")["$id"]
    picture = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    files = {"file": ("a.png", picture, "image/png")}
    post.client.post(
        f"/v1/storage/buckets/{bucket}/files", data={"fileId": "f"}, files=files
    ).raise_for_status()
    message = post.send("push", draft=True, image=f"{bucket}:f")
    url = post.message(message)["data"]["image"]["url"]
    path = url.partition("/v1/")[2]
    assert httpx.get(f"{post.server.endpoint}/{path}").content == picture
    later = now() + 100 * 86_400_000
    planned = {"draft": False, "scheduledAt": format_datetime(later), "users": [post.user()]}
    post.client.patch(f"/v1/messaging/messages/push/{message}", json=planned).raise_for_status()
    tokens = post.client.get(f"/v1/tokens/buckets/{bucket}/files/f").json()["tokens"]
    shown = next(each for each in tokens if each["secret"] in post.message(message)["data"]["image"]["url"])
    assert shown["expire"] > format_datetime(later), "who gets the message then can still read its picture"
    post.client.delete(f"/v1/storage/buckets/{bucket}/files/f").raise_for_status()
    post.client.patch(f"/v1/messaging/messages/push/{message}", json={"draft": True}).raise_for_status()


def test_signatures_are_those_of_aws() -> None:
    """The case post-vanilla of the suite that AWS publishes."""
    headers = aws_headers(
        "https://example.amazonaws.com/",
        [],
        b"",
        "AKIDEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "us-east-1",
        "service",
        datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )
    assert dict(headers)["Authorization"].endswith(
        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )
