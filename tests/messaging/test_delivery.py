"""Mails that reach people: who gets what, what is told of it, and when."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime

import pytest

from tests.messaging.office import Office, office
from tests.support.mail_server import MailServer, running_mail_server
from tidewire.core.ids import unique_id
from tidewire.core.time import format_datetime, now


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("delivery")) as made:
        yield made


@pytest.fixture
def post(shared: Office) -> Office:
    """A project of its own."""
    shared.project()
    return shared


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


def test_everybody_gets_the_mail_once(post: Office, mails: MailServer) -> None:
    post.smtp(mails.port, replyToEmail="answers@example.com", mailer="Bulk")
    people = [post.user() for _ in range(3)]
    address = {user: f"{user}@example.com" for user in people}
    topic = post.post("/messaging/topics", topicId=unique_id(), name="News")["$id"]
    targets = {
        user: post.client.get(f"/v1/users/{user}/targets").json()["targets"][0]["$id"] for user in people
    }
    subscribed = {"subscriberId": unique_id(), "targetId": targets[people[0]]}
    post.post(f"/messaging/topics/{topic}/subscribers", **subscribed)
    bucket = post.post("/storage/buckets", bucketId=unique_id(), name="Files")["$id"]
    post.client.post(
        f"/v1/storage/buckets/{bucket}/files",
        data={"fileId": "f"},
        files={"file": ("a.txt", b"attached", "text/plain")},
    ).raise_for_status()
    message = post.send(
        "email",
        html=True,
        content="<p>Hello</p>",
        topics=[topic],
        users=people[:2],
        targets=[targets[people[1]]],
        cc=[targets[people[2]]],
        attachments=[f"{bucket}:f"],
    )
    shown = post.ended(message)
    assert (shown["status"], shown["deliveredTotal"], shown["deliveryErrors"]) == ("sent", 3, [])
    assert shown["deliveredAt"]
    assert sorted(mails.recipients) == sorted(address.values())
    (mail,) = mails.mails
    assert (mail["From"], mail["Cc"]) == ("News <news@example.com>", address[people[2]])
    assert (mail["Reply-To"], mail["X-Mailer"]) == ("answers@example.com", "Bulk")
    assert address[people[0]] not in str(mail)
    body, attached = mail.iter_parts()
    assert (body.get_content_type(), body.get_content().strip()) == ("text/html", "<p>Hello</p>")
    assert (attached.get_filename(), attached.get_content().strip()) == ("a.txt", "attached")


def test_what_a_server_refuses_is_told(post: Office, mails: MailServer) -> None:
    post.smtp(mails.port)
    people = [post.user() for _ in range(3)]
    mails.refused_recipients = {
        f"{people[0]}@example.com": "550 no such mailbox",
        f"{people[1]}@example.com": "451 try later",
    }
    message = post.send("email", users=people)
    shown = post.ended(message)
    assert (shown["status"], shown["deliveredTotal"]) == ("failed", 1)
    assert len(shown["deliveryErrors"]) == 2
    assert all("Failed sending to target" in each for each in shown["deliveryErrors"])
    assert "550 no such mailbox" in " ".join(shown["deliveryErrors"])
    assert not [user for user in people if f"{user}@example.com" in str(shown)]
    assert mails.recipients == [f"{people[2]}@example.com"]


def test_who_was_not_told_is_told_again(post: Office, mails: MailServer) -> None:
    post.smtp(mails.port)
    mails.refusals = ["451 busy", "451 busy"]
    shown = post.ended(post.send("email", users=[post.user()]))
    assert (shown["status"], shown["deliveredTotal"], len(mails.recipients)) == ("sent", 1, 1)


def test_nobody_and_nothing_to_send_by(post: Office, mails: MailServer) -> None:
    shown = post.ended(post.send("email", users=["nobody"]))
    assert (shown["status"], shown["deliveryErrors"]) == ("failed", ["No enabled provider found."])
    post.smtp(mails.port)
    shown = post.ended(post.send("email", users=["nobody"]))
    assert (shown["status"], shown["deliveryErrors"]) == ("failed", ["No valid recipients found."])


def test_a_target_goes_by_its_own_provider(post: Office, mails: MailServer) -> None:
    with running_mail_server() as others:
        post.smtp(mails.port)
        own = post.smtp(others.port)
        user = post.user()
        post.target(user, "email", f"other-{user}@example.com", providerId=own)
        assert post.ended(post.send("email", users=[user]))["deliveredTotal"] == 2
        assert mails.recipients == [f"{user}@example.com"]
        assert others.recipients == [f"other-{user}@example.com"]


def test_the_first_server_that_works_is_used(post: Office, mails: MailServer) -> None:
    with running_mail_server() as gone:
        port = gone.port
    post.smtp(mails.port, host=f"127.0.0.1:{port};127.0.0.1:{mails.port}")
    assert post.ended(post.send("email", users=[post.user()]))["status"] == "sent"


def test_a_scheduled_mail_goes_at_its_time(post: Office, mails: MailServer) -> None:
    post.smtp(mails.port)
    due = now() + 1500
    message = post.send("email", users=[post.user()], scheduledAt=format_datetime(due))
    assert post.message(message)["status"] == "scheduled"
    assert post.ended(message)["status"] == "sent"
    assert now() >= due
    date = parsedate_to_datetime(mails.mails[-1]["Date"])
    assert date.timestamp() >= due // 1000, "the date of a mail is when it goes, not when it was made"


def test_a_project_that_sleeps_is_woken(tmp_path_factory: pytest.TempPathFactory, mails: MailServer) -> None:
    with office(tmp_path_factory.mktemp("asleep"), ["--database-idle-seconds", "0.2"]) as made:
        project, due = made.project(), now() + 2500
        made.smtp(mails.port)
        message = made.send("email", users=[made.user()], scheduledAt=format_datetime(due))
        note = made.server.data_dir / "due" / project
        while note.read_text().strip() != str(due):  # it is asleep then, and nobody asks it for anything
            assert now() < due
            time.sleep(0.02)
        while not mails.mails:
            assert now() < due + 20_000
            time.sleep(0.02)
        assert made.ended(message)["status"] == "sent"


def test_the_end_of_a_message_is_an_event(post: Office, mails: MailServer) -> None:
    post.smtp(mails.port)
    message = post.send("email", users=[post.user()])
    post.ended(message)
    database = post.server.data_dir / "projects" / post.client.headers["X-Appwrite-Project"]
    with closing(sqlite3.connect(f"file:{database}/database.sqlite3?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT json_extract(payload, '$.status'), audience, channels FROM event_log"
            " WHERE pattern = 'messages.[messageId].update' AND json_extract(parameters, '$.messageId') = ?",
            (message,),
        ).fetchall()
    project = post.client.headers["X-Appwrite-Project"]
    assert [row[:2] for row in rows] == [("sent", "console")]
    assert json.loads(rows[0][2]) == ["console", f"projects.{project}"]


def test_a_slow_project_keeps_nobody_waiting(shared: Office, mails: MailServer) -> None:
    shared.project()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and answers nothing
        shared.smtp(silent.getsockname()[1])
        slow = shared.send("email", users=[shared.crowd("email", 2000)])
        headers = dict(shared.client.headers)
        shared.project()
        shared.smtp(mails.port)
        assert shared.ended(shared.send("email", users=[shared.user()]))["status"] == "sent"
        shared.client.headers.update(headers)
        shown = shared.message(slow)
        assert (shown["status"], shown["deliveredTotal"]) == ("processing", 0)
        shared.client.delete(f"/v1/messaging/messages/{slow}").raise_for_status()


def test_a_small_message_does_not_wait_for_a_large_one(post: Office, mails: MailServer) -> None:
    post.smtp(mails.port)
    topic = post.post("/messaging/topics", topicId=unique_id(), name="News")["$id"]
    crowd = post.crowd("email", 3000, topic)
    large = post.send("email", topics=[topic], users=[crowd])
    small = post.send("email", users=[post.user()])
    assert post.ended(small)["status"] == "sent"
    assert post.message(large)["status"] == "processing"
    shown = post.ended(large)
    assert (shown["deliveredTotal"], len(mails.recipients)) == (3000, 3001)
    assert post.client.delete(f"/v1/messaging/topics/{topic}").status_code == 204
