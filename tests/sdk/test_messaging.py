"""Messaging through unmodified SDKs: mails reach a real mail server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from appwrite.client import Client
from appwrite.services.messaging import Messaging

from tests.messaging.office import Office, office
from tests.sdk.node import run_node
from tests.support.mail_server import MailServer, running_mail_server
from tidewire.core.ids import unique_id


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("office")) as made:
        yield made


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


def test_python(post: Office, mails: MailServer) -> None:
    project = post.project()
    client = Client().set_endpoint(post.server.endpoint)
    client.set_project(project).set_key(post.client.headers["X-Appwrite-Key"])
    messaging = Messaging(client)
    provider = messaging.create_smtp_provider(
        unique_id(), "Mails", "127.0.0.1", port=mails.port, from_email="news@example.com", enabled=True
    )
    assert provider.credentials == {"host": "", "port": ""}
    topic = messaging.create_topic(unique_id(), "News")
    user = post.user()
    target = post.client.get(f"/v1/users/{user}/targets").json()["targets"][0]["$id"]
    messaging.create_subscriber(topic.id, unique_id(), target)
    message = messaging.create_email(unique_id(), "News", "Hello", topics=[topic.id])
    assert post.ended(message.id)["deliveredTotal"] == 1
    assert messaging.list_targets(message.id).total == 0
    assert mails.recipients == [f"{user}@example.com"]


def test_javascript(post: Office, mails: MailServer) -> None:
    project, key = post.project(), post.client.headers["X-Appwrite-Key"]
    told = run_node("messaging.mjs", post.server.endpoint, project, key, str(mails.port))
    assert told["credentials"] == {"host": "", "port": ""}
    assert (told["message"]["status"], told["message"]["deliveredTotal"]) == ("sent", 1)
    assert (told["total"], told["left"]) == (1, 0)
    (mail,) = mails.mails
    assert (mail["Subject"], mail.get_content().strip()) == ("Real news", "Hello")
