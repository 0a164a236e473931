"""Text messages to a carrier over HTTP: what it is sent, and what its answers mean."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.outgoing.conftest import Post, until
from tests.support.receiver import Received, Receiver, answer, receiving
from tests.support.server import TidewireServer
from tidewire.cli.settings import SettingsError, load_settings
from tidewire.services.outgoing import enqueue_text_message

HEADERS = ["X-Username: shop", "X-Key: s3cret: 1"]


async def send(post: Post, receiver: Receiver, text: str = "123456 is your code") -> None:
    """Queue a message for the receiver, to whom the operator gave an address within."""
    post.settings = msgspec.structs.replace(
        post.settings,
        sms_provider="http",
        sms_url=receiver.url("/send?x=1"),
        sms_headers=HEADERS,
        sms_from="+15550199",
    )
    await post.write(lambda transaction: enqueue_text_message(transaction, "+15550100", text))


async def test_what_a_carrier_is_sent(post: Post) -> None:
    async with receiving() as receiver:
        await send(post, receiver, 'Grüße "1"\n2')
        async with post.delivering():
            (request,) = await receiver.received(1)
            await until(lambda: nothing_waits(post))
    assert (request.method, request.target) == ("POST", "/send?x=1")
    assert request.json == {"message": 'Grüße "1"\n2', "from": "+15550199", "to": "+15550100"}
    assert (request.headers["x-username"], request.headers["x-key"]) == ("shop", "s3cret: 1")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("Tidewire-Server/")


@pytest.mark.parametrize("status", [500, 503, 302, 408, 429])
async def test_what_may_pass_is_tried_again(post: Post, status: int) -> None:
    async def reply(request: Received) -> bytes | None:
        return None if len(receiver.requests) == 1 else answer(200 if len(receiver.requests) > 2 else status)

    async with receiving(reply) as receiver:
        await send(post, receiver)
        async with post.delivering():
            requests = await receiver.received(3)
            await until(lambda: nothing_waits(post))
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert len(requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_what_is_refused_for_good_is_given_up(post: Post, status: int) -> None:
    async def reply(request: Received) -> bytes | None:
        return answer(status, body="no such number")

    async with receiving(reply) as receiver:
        await send(post, receiver)
        async with post.delivering():
            await receiver.received(1)
            await until(lambda: given_up(post))
    (row,) = await post.message_rows()
    assert (row.attempts, row.text) == (1, "")
    assert row.last_error == f"the provider of text messages answered {status}"
    assert len(receiver.requests) == 1


async def test_the_dsn_of_the_reference(post: Post) -> None:
    async with receiving() as receiver:
        post.settings = msgspec.structs.replace(
            post.settings,
            sms_provider="sms://user%40shop:p%3Ass@mock",
            sms_url=receiver.url(),
            sms_from="Shop",
        )
        await post.write(lambda transaction: enqueue_text_message(transaction, "+15550100", "123456"))
        async with post.delivering():
            (request,) = await receiver.received(1)
    assert request.json == {"message": "123456", "from": "Shop", "to": "+15550100"}
    assert (request.headers["x-username"], request.headers["x-key"]) == ("user@shop", "p:ss")
    assert request.headers["user-agent"] == "Appwrite Mock Message Sender"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"SMS_PROVIDER": "sms://user:hidden@twilio"}, "twilio is not served"),
        ({"SMS_PROVIDER": "sms://user:hid/den@mock"}, "the provider of the DSN is not served"),
        ({"SMS_PROVIDER": "sms://hidden@carrier"}, "not served"),
        ({"SMS_PROVIDER": "sms://[hidden@mock"}, "cannot be read"),
        ({"SMS_PROVIDER": "hidden"}, "must be mock, none, http"),
        ({"SMS_PROVIDER": "http"}, "sms_url"),
        ({"SMS_PROVIDER": "http", "SMS_URL": "ftp://a/"}, "sms_url"),
        ({"SMS_PROVIDER": "http", "SMS_URL": "http://a/", "SMS_HEADERS": "hidden"}, "Name: value"),
        ({"SMS_PROVIDER": "http", "SMS_URL": "http://a/", "SMS_HEADERS": "X-Key: hid\nden"}, "Name: value"),
        ({"SMS_PROVIDER": "http", "SMS_URL": "http://a/", "SMS_HEADERS": "Host: hidden"}, "cannot set Host"),
    ],
)
def test_settings_that_cannot_be_used(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told) as refused:
        load_settings({}, {f"TIDEWIRE_{name}": value for name, value in given.items()})
    assert "hid" not in str(refused.value)


async def test_a_person_signs_in_by_phone(tmp_path: Path) -> None:
    async with receiving() as receiver:
        server = TidewireServer(
            tmp_path / "data",
            ["--sms-provider", "http", "--sms-url", receiver.url(), "--sms-headers", "X-Key: s3cret"],
        )
        server.start()
        try:
            headers = {"X-Appwrite-Project": server.project}
            async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60) as client:
                phone = {"userId": "ada", "phone": "+15550100"}
                assert (await client.post("/account/tokens/phone", json=phone)).status_code == 201
                (request,) = await receiver.received(1)
                code = re.match(r"\d{6}", request.json["message"])
                assert code is not None
                session = {"userId": "ada", "secret": code[0]}
                answered = await client.post("/account/sessions/token", json=session)
                assert answered.status_code == 201
                assert answered.json()["provider"] == "phone"
            written = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
            assert not any(b"s3cret" in content for content in written)
        finally:
            server.stop()


async def nothing_waits(post: Post) -> bool:
    return not await post.message_rows()


async def given_up(post: Post) -> bool:
    return [row.state for row in await post.message_rows()] == ["failed"]
