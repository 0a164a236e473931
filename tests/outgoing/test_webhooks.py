"""Webhooks: every event that is wanted, in order, at least once, whatever receivers do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, insert, select, update

from tests.outgoing.conftest import SECRET, Post, until
from tests.support.certificates import make_certificate, server_context
from tests.support.receiver import Received, answer, receiving
from tidewire.core.events import NOBODY, Event
from tidewire.core.time import now
from tidewire.outbound.guard import Guard
from tidewire.outgoing import webhooks
from tidewire.store.engine.event_log import epoch, last_offset, trim
from tidewire.store.instance.instance import Instance
from tidewire.store.records.notifications import list_notifications
from tidewire.store.schema import memberships, outgoing_messages, teams, users
from tidewire.store.schema import webhooks as table


def file_ids(requests: list[Received]) -> list[str]:
    return [request.json["$id"] for request in requests]


def ids(*numbers: int) -> list[str]:
    return [f"f{number}" for number in numbers]


async def delivered_up_to_now(post: Post, webhook_id: str) -> bool:
    row = await post.webhook_row(webhook_id)
    return bool(row.position == await (await post.database()).read(last_offset))


async def disabled(post: Post, webhook_id: str) -> bool:
    return not (await post.webhook_row(webhook_id)).enabled


def configure(post: Post, **settings: Any) -> None:
    post.settings = post.instance.settings = msgspec.structs.replace(post.settings, **settings)


async def test_what_a_receiver_gets(post: Post) -> None:
    async with receiving() as receiver, post.delivering():
        url = receiver.url("/hook?x=1")
        webhook_id = await post.webhook(
            url, name="Höök\r\nX-Evil: 1", auth_username="user", auth_password="päss:word"
        )
        await post.publish(1, actor_id="ada")
        (request,) = await receiver.received(1)
        await until(lambda: delivered_up_to_now(post, webhook_id))
    headers = request.headers
    assert (request.method, request.target) == ("POST", "/hook?x=1")
    assert request.body == b'{"$id":"f1"}'
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("Tidewire-Server/")
    assert headers["x-appwrite-webhook-id"] == webhook_id
    assert headers["x-appwrite-webhook-name"] == "Höök  X-Evil: 1"
    assert "x-evil" not in headers
    assert headers["x-appwrite-webhook-user-id"] == "ada"
    assert headers["x-appwrite-webhook-project-id"] == post.project_id
    names = headers["x-appwrite-webhook-events"].split(",")
    assert names[0] == "buckets.b1.files.f1.create"
    assert "buckets.*" in names
    wanted = hmac.new(SECRET.encode(), url.encode() + request.body, hashlib.sha1).digest()
    assert headers["x-appwrite-webhook-signature"] == base64.b64encode(wanted).decode()
    credentials = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert credentials == "user:päss:word"
    assert headers["x-tidewire-event-epoch"] == await (await post.database()).read(epoch)


async def test_no_credentials_without_a_name(post: Post) -> None:
    async with receiving() as receiver, post.delivering():
        await post.webhook(receiver.url())
        await post.publish(1)
        (request,) = await receiver.received(1)
    assert "authorization" not in request.headers
    assert request.headers["x-appwrite-webhook-user-id"] == ""


async def test_the_user_agent_can_be_set(post: Post) -> None:
    configure(post, webhook_user_agent="Hooks/1 (report abuse at abuse@example.com)")
    async with receiving() as receiver, post.delivering():
        await post.webhook(receiver.url())
        await post.publish(1)
        (request,) = await receiver.received(1)
    assert request.headers["user-agent"] == "Hooks/1 (report abuse at abuse@example.com)"


async def test_the_longest_pause_can_be_set(post: Post) -> None:
    """Pauses of at most so long: with many failures it is known when a dead receiver is paused."""
    configure(post, webhook_retry_seconds=0.05, webhook_max_retry_seconds=0.05, webhook_max_failures=8)
    async with receiving(lambda _: _answered(500)) as receiver, post.delivering():
        webhook_id = await post.webhook(receiver.url())
        await post.publish(1)
        await until(lambda: disabled(post, webhook_id))
    row = await post.webhook_row(webhook_id)
    assert (len(receiver.requests), row.attempts) == (8, 8)


async def test_only_wanted_events_in_order(post: Post) -> None:
    async with receiving() as receiver, post.delivering():
        await post.webhook(receiver.url(), ["buckets.*.files.f2.create", "buckets.b1.files.f4"])
        await post.publish(1, 2, 3, 4, 2)
        assert file_ids(await receiver.received(3)) == ids(2, 4, 2)


async def test_row_events_go_by_their_names_without_the_database(post: Post) -> None:
    async with receiving() as receiver, post.delivering():
        await post.webhook(receiver.url(), ["databases.*.tables.*.rows.*.create"])
        await post.webhook(receiver.url("/never"), ["tablesdb.*"])
        parameters = dict.fromkeys(("databaseId", "tableId", "rowId"), "x")
        await post.publish(1)
        event = Event(
            pattern="databases.[databaseId].tables.[tableId].rows.[rowId].create",
            parameters=parameters,
            channels=[],
            roles=[],
            payload=b'{"$id":"f9"}',
            timestamp=1,
            database_type="tablesdb",
        )
        await post.write(lambda transaction: transaction.append(event))
        assert file_ids(await receiver.received(1)) == ids(9)
    assert {request.target for request in receiver.requests} == {"/"}


async def test_events_for_the_server_itself_stay_there(post: Post) -> None:
    async with receiving() as receiver, post.delivering():
        await post.webhook(receiver.url())
        await post.publish(1, audience=NOBODY)
        await post.publish(2)
        assert file_ids(await receiver.received(1)) == ids(2)


async def test_a_new_webhook_gets_what_happens_from_then_on(post: Post) -> None:
    await post.publish(1, 2)
    async with receiving() as receiver, post.delivering():
        await post.webhook(receiver.url())
        await post.publish(3)
        assert file_ids(await receiver.received(1)) == ids(3)


async def test_nothing_is_lost_while_nobody_delivers(post: Post) -> None:
    async with receiving() as receiver:
        await post.webhook(receiver.url())
        await post.publish(*range(250))
        async with post.delivering():
            await receiver.received(100)
        await post.reopen()
        async with post.delivering():
            await receiver.received(250)
    received = file_ids(receiver.requests)
    # What was on its way when the delivery was cut off may come twice; the order stays.
    assert list(dict.fromkeys(received)) == ids(*range(250))
    assert len(received) <= 251


async def test_failures_are_tried_again_in_order(post: Post) -> None:
    refused = 4

    async def reluctant(_: Received) -> bytes:
        nonlocal refused
        refused -= 1
        return answer(500 if refused >= 0 else 204)

    async with receiving(reluctant) as receiver, post.delivering():
        webhook_id = await post.webhook(receiver.url())
        await post.publish(1, 2, 3)
        await until(lambda: delivered_up_to_now(post, webhook_id))
    assert file_ids(receiver.requests) == ids(1, 1, 1, 1, 1, 2, 3)
    row = await post.webhook_row(webhook_id)
    assert (row.enabled, row.attempts, row.failures, row.next_attempt_at, row.logs) == (True, 0, 0, 0, "")


async def test_pauses_survive_a_restart(post: Post) -> None:
    configure(post, webhook_retry_seconds=1000.0, webhook_max_retry_seconds=1000.0)
    async with receiving(lambda _: _answered(500)) as receiver:
        webhook_id = await post.webhook(receiver.url())
        async with post.delivering():
            await post.publish(1)
            await until(lambda: _failed(post, webhook_id))
        await post.reopen()
        async with post.delivering():
            await post.publish(2)
            await asyncio.sleep(0.5)
        assert file_ids(receiver.requests) == ids(1)
        row = await post.webhook_row(webhook_id)
        assert row.attempts == 1
        assert "status 500" in row.logs
        # Its owner changes something: no use in waiting.
        receiver.reply = None
        async with post.delivering():
            await post.change_webhook(webhook_id, name="Other")
            assert file_ids(await receiver.received(3)) == ids(1, 1, 2)


async def _answered(status: int) -> bytes:
    return answer(status)


async def _failed(post: Post, webhook_id: str) -> bool:
    return bool((await post.webhook_row(webhook_id)).attempts)


async def test_disabled_after_many_failures_with_a_notice(post: Post) -> None:
    configure(post, webhook_max_failures=3)
    await make_owner(post)
    async with receiving(lambda _: _answered(404)) as receiver, post.delivering():
        webhook_id = await post.webhook(receiver.url(), name="Fragile")
        await post.publish(1, 2)
        await until(lambda: disabled(post, webhook_id))
        requests = len(receiver.requests)
        await post.publish(3)
        await asyncio.sleep(0.3)
    assert (requests, len(receiver.requests)) == (3, 3)
    row = await post.webhook_row(webhook_id)
    assert row.attempts == 3
    assert "POST http://127.0.0.1" in row.logs
    assert "status 404" in row.logs
    outbox = sorted((post.directory / "outbox").glob("*-console-*.eml"))
    assert len(outbox) == 1
    notice = outbox[0].read_text()
    assert "To: Ada <ada@example.com>" in notice
    assert "Fragile" in notice
    notified = await post.instance.database.read(
        lambda connection: {
            name: list_notifications(connection, name, ())[1] for name in ("ada", "bob", "cleo", "eve")
        }
    )
    assert {name: len(rows) for name, rows in notified.items()} == {"ada": 1, "bob": 0, "cleo": 1, "eve": 0}
    (hers,) = notified["cleo"]
    assert (hers.title, hers.project_id) == ("Webhook deliveries have been paused", post.project_id)
    assert 'Webhook "Fragile"' in hers.body


async def make_owner(post: Post) -> None:
    """Give the project a team with an owner, a member, and somebody who has not joined."""
    await post.instance.update_project(post.project_id, lambda project: replace(project, team_id="t1"))

    def unit(transaction: Any) -> None:
        connection = transaction.connection
        connection.execute(insert(teams), {"id": "t1", "created_at": 1, "updated_at": 1, "name": "T"})
        for name, roles, confirmed in (
            ("ada", ["owner"], True),
            ("bob", [], True),
            ("cleo", ["developer"], True),
            ("eve", ["owner"], False),
        ):
            person = {"id": name, "created_at": 1, "updated_at": 1, "name": name.title()}
            connection.execute(insert(users), person | {"email": f"{name}@example.com"})
            connection.execute(
                insert(memberships),
                {"id": name, "created_at": 1, "updated_at": 1, "team_id": "t1", "user_id": name}
                | {"roles": roles, "confirmed": confirmed},
            )

    await post.instance.database.write(unit)


async def test_enabled_again_it_goes_on_from_then(post: Post) -> None:
    post.settings = msgspec.structs.replace(post.settings, webhook_max_failures=2)
    post.instance.settings = post.settings
    async with receiving(lambda _: _answered(500)) as receiver, post.delivering():
        webhook_id = await post.webhook(receiver.url())
        await post.publish(1)
        await until(lambda: disabled(post, webhook_id))
        await post.publish(2)
        receiver.reply = None
        receiver.requests.clear()
        position = await (await post.database()).read(last_offset)
        await post.change_webhook(webhook_id, enabled=True, attempts=0, failures=0, position=position)
        await post.publish(3)
        assert file_ids(await receiver.received(1)) == ids(3)


async def test_a_receiver_that_is_slow_or_gone_delays_no_other(post: Post) -> None:
    release = asyncio.Event()

    async def slow(_: Received) -> bytes:
        await release.wait()
        return answer()

    async with receiving(slow) as dead, receiving() as quick, post.delivering():
        for _ in range(30):
            await post.webhook(dead.url())
        await post.webhook("http://127.0.0.1:1/")
        await post.webhook(quick.url())
        await post.publish(*range(20))
        assert file_ids(await quick.received(20)) == ids(*range(20))
        release.set()


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 500, 503])
async def test_only_success_counts(post: Post, status: int) -> None:
    async with receiving() as elsewhere:

        async def reply(_: Received) -> bytes:
            return answer(status, f"Location: {elsewhere.url()}\r\n")

        async with receiving(reply) as receiver, post.delivering():
            webhook_id = await post.webhook(receiver.url())
            await post.publish(1)
            await until(lambda: _failed(post, webhook_id))
        assert elsewhere.connections == 0


async def test_a_deleted_webhook_gets_nothing_more(post: Post) -> None:
    async with receiving() as receiver, receiving() as other, post.delivering():
        webhook_id = await post.webhook(receiver.url())
        await post.webhook(other.url())
        await post.publish(1)
        await receiver.received(1)
        await post.write(
            lambda transaction: (
                transaction.connection.execute(delete(table).where(table.c.id == webhook_id)) and None
            )
        )
        await asyncio.sleep(0.3)
        await post.publish(2)
        await other.received(2)
        assert file_ids(receiver.requests) == ids(1)


async def test_events_that_were_trimmed_are_skipped(post: Post) -> None:
    async with receiving() as receiver:
        await post.webhook(receiver.url())
        await post.publish(*range(5))
        await post.write(lambda transaction: trim(transaction.connection, -1000, 10**9, limit=3))
        async with post.delivering():
            assert file_ids(await receiver.received(2)) == ids(3, 4)


async def test_a_long_stretch_of_no_interest_is_noted(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "NOTED_EVERY", 10)
    async with receiving() as receiver:
        webhook_id = await post.webhook(receiver.url(), ["users.*"])
        await post.publish(*range(25))
        async with post.delivering():

            async def noted() -> bool:
                return bool((await post.webhook_row(webhook_id)).position >= 20)

            await until(noted)
    assert receiver.requests == []


async def test_certificates(post: Post, tmp_path: Path) -> None:
    context = server_context(make_certificate(tmp_path))
    async with receiving(tls=context) as receiver, post.delivering():
        strict = await post.webhook(receiver.url("/strict", scheme="https"), tls=True)
        await post.webhook(receiver.url("/lax", scheme="https"), tls=False)
        await post.publish(1)
        await receiver.received(1)
        await until(lambda: _failed(post, strict))
        row = await post.webhook_row(strict)
    assert [request.target for request in receiver.requests] == ["/lax"]
    assert "certificate" in row.logs.lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0", "[::ffff:127.0.0.1]"])
async def test_internal_addresses_are_refused(post: Post, host: str) -> None:
    async with receiving() as receiver, post.delivering(Guard(allow_private=False)):
        webhook_id = await post.webhook(receiver.url(host=host))
        await post.publish(1)
        await until(lambda: _failed(post, webhook_id))
        assert "internal address" in (await post.webhook_row(webhook_id)).logs
    assert receiver.connections == 0


async def test_a_name_that_moves_inside_is_refused(post: Post) -> None:
    """DNS rebinding: outside at the first look, inside at the next. Only checked addresses are called."""
    addresses = iter(["127.0.0.2"])

    async def resolve(host: str, port: int) -> list[str]:
        return [next(addresses, "127.0.0.1")]

    async def bye(_: Received) -> bytes:
        return answer(headers="Connection: close\r\n")

    guard = Guard(allow_private=False, resolve=resolve, allowed=lambda address: address == "127.0.0.2")
    async with (
        receiving(bye, host="127.0.0.2") as outside,
        receiving(host="127.0.0.1", port=outside.port) as inside,
        post.delivering(guard),
    ):
        webhook_id = await post.webhook(outside.url(host="moving.example"))
        await post.publish(1)
        await outside.received(1)
        await post.publish(2)
        await until(lambda: _failed(post, webhook_id))
        assert inside.connections == 0
    assert file_ids(outside.requests) == ids(1)


async def test_many_webhooks_of_many_projects(post: Post) -> None:
    async with receiving() as receiver, post.delivering():
        for number in range(5):
            await post.instance.create_project(f"p{number}", "P")
            post.project_id = f"p{number}"
            for _ in range(3):
                await post.webhook(receiver.url())
            await post.publish(*range(10))
        await receiver.received(150)
    by_webhook: dict[str, list[str]] = {}
    for request in receiver.requests:
        by_webhook.setdefault(request.headers["x-appwrite-webhook-id"], []).append(request.json["$id"])
    assert len(by_webhook) == 15
    assert all(order == ids(*range(10)) for order in by_webhook.values())


async def test_projects_sleep_until_something_is_due(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """No database is kept open for webhooks that wait; a ring, or the time of the next attempt, opens it."""
    monkeypatch.setattr(webhooks, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(webhooks, "SOON_MS", 0)
    await post.instance.close()
    post.settings = msgspec.structs.replace(post.settings, database_idle_seconds=0.2)
    post.instance = await Instance.open(post.settings)

    async def asleep() -> bool:
        return post.instance.open_databases() == [post.instance.database]

    async with receiving() as receiver:
        webhook = await post.webhook(receiver.url())
        await post.publish(1)
        async with post.delivering():
            assert file_ids(await receiver.received(1)) == ids(1)
            await until(asleep)
            # Another process commits, and rings.
            others, post.instance = post.instance, await Instance.open(post.settings)
            await post.publish(2)
            await post.instance.close()
            post.instance = others
            await until(asleep)
            post.commits.rung(post.project_id)
            assert file_ids(await receiver.received(2)) == ids(1, 2)
            await until(asleep)  # and so it is noted that all were delivered
            # A delivery failed, and is to be tried again later.
            await post.change_webhook(webhook)
            failed = update(table).values(next_attempt_at=now() + 6000, failures=1)
            await post.write(lambda transaction: transaction.connection.execute(failed) and None)
            await post.publish(3)
            await until(asleep)
            assert len(receiver.requests) == 2
            assert file_ids(await receiver.received(3)) == ids(1, 2, 3)


async def test_a_damaged_database_keeps_no_other_project_waiting(post: Post) -> None:
    for project_id in ("broken", "fine"):
        await post.instance.create_project(project_id, project_id)
    await post.instance.close()
    (post.directory / "projects" / "broken" / "database.sqlite3").write_bytes(b"no database at all " * 500)
    post.instance = await Instance.open(post.settings)
    async with receiving() as receiver:
        post.project_id = "fine"
        await post.webhook(receiver.url())
        async with post.delivering():
            await post.publish(1)
            await receiver.received(1)
            # What is committed later reaches it as well.
            await post.publish(2)
            assert len(await receiver.received(2)) == 2


async def test_deleted_projects_are_let_go(post: Post) -> None:
    await post.instance.create_project("gone", "Gone")
    async with receiving() as receiver, post.delivering():
        default, post.project_id = post.project_id, "gone"
        await post.webhook(receiver.url())
        await post.publish(1)
        await receiver.received(1)
        await post.instance.delete_project("gone")
        await post.instance.create_project("gone", "Again")
        await post.webhook(receiver.url("/again"))
        await post.publish(2)
        await receiver.received(2)
        post.project_id = default
    assert receiver.requests[-1].target == "/again"


async def test_notices_need_people(post: Post) -> None:
    """A project that belongs to no team has nobody to tell."""
    post.instance.settings = msgspec.structs.replace(post.settings, webhook_max_failures=1)
    async with receiving(lambda _: _answered(500)) as receiver, post.delivering():
        webhook_id = await post.webhook(receiver.url())
        await post.publish(1)
        await until(lambda: disabled(post, webhook_id))
    count = await post.instance.database.read(
        lambda connection: len(connection.execute(select(outgoing_messages)).all())
    )
    assert count == 0
