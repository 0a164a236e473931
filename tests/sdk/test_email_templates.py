"""Templates of mails through unmodified SDKs: what people get from a real mail server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from appwrite.client import Client
from appwrite.enums.project_email_template_id import ProjectEmailTemplateId
from appwrite.services.project import Project

from tests.messaging.office import Office, office
from tests.sdk.node import run_node
from tests.support.mail_server import MailServer, running_mail_server


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("office")) as made:
        yield made


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


def test_javascript(post: Office, mails: MailServer) -> None:
    project, key = post.project(), str(post.client.headers["X-Appwrite-Key"])
    told = run_node("email_templates.mjs", post.server.endpoint, project, key, str(mails.port))
    assert "{{redirect}}" in told["built"]["message"]
    assert told["listed"] == {"total": 1, "templates": [told["made"]]}
    deadline = time.monotonic() + 30
    while len(mails.mails) < 2:
        assert time.monotonic() < deadline, "the mails did not come"
        time.sleep(0.05)
    by_subject = {str(mail["Subject"]).partition(" ")[0]: mail for mail in mails.mails}
    german = by_subject.pop("Neu")
    assert german["From"] == "Die Leute <leute@example.org>"
    assert german["Reply-To"] == "Die Leute <antwort@example.org>"
    assert german["Subject"] == f"Neu bei {project}"
    page, text = german.get_body(("html",)), german.get_body(("plain",))
    assert page is not None
    assert text is not None
    assert "<p>Hallo &lt;b&gt;Ada&lt;/b&gt;</p>" in page.get_content()
    assert 'href="http://localhost/recover?a=1&amp;b=2&amp;userId=' in page.get_content()
    assert "{{agentPhone}}" in page.get_content()
    lines = text.get_content().splitlines()
    assert lines[:3] == ["Hallo <b>Ada</b>", "", "Weiter:"]
    assert lines[3].startswith("http://localhost/recover?a=1&b=2&userId=")
    (other,) = by_subject.values()  # nobody wrote a template in French or English
    assert other["From"] == "The Team <team@example.org>"
    assert other["Reply-To"] == "The Team <help@example.org>"


def test_python(post: Office, mails: MailServer) -> None:
    client = Client().set_endpoint(post.server.endpoint).set_project(post.project())
    project = Project(client.set_key(post.client.headers["X-Appwrite-Key"]))
    project.update_smtp(host="127.0.0.1", port=mails.port, sender_email="team@example.org", enabled=True)
    made = project.update_email_template(
        ProjectEmailTemplateId.OTPSESSION, subject="Code", message="<b>{{otp}}</b>", sender_name=""
    )
    assert (made.templateid, made.locale) == ("otpSession", "en")
    assert project.get_email_template(ProjectEmailTemplateId.OTPSESSION).message == "<b>{{otp}}</b>"
    assert project.list_email_templates().total == 1
