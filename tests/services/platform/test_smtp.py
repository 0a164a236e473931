"""The project's mail server: it is tried out before mails are given to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.services.platform.people import Person, Program
from tests.support.api import ApiServer
from tests.support.mail_server import MailServer, running_mail_server
from tidewire.store.schema import projects

MAIL: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "senderEmail": "me@example.com"}
LOGIN: dict[str, Any] = {"username": "me", "password": "s3cret-word"}


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that wants a login."""
    with running_mail_server(password=LOGIN["password"]) as made:
        yield made


def shown(program: Program) -> dict[str, Any]:
    project = program.done("GET", "/project")
    return {name: project[name] for name in project if name.startswith("smtp")}


def test_a_server_that_works_is_used(
    api: ApiServer, person: Person, project: str, admin: Program, server: MailServer
) -> None:
    changed = admin.done("PATCH", "/project/smtp", {**MAIL, **LOGIN, "port": server.port})
    assert (changed["smtpEnabled"], changed["smtpHost"], changed["smtpPort"]) == (
        True,
        "127.0.0.1",
        server.port,
    )
    assert server.logins == [("me", LOGIN["password"])]
    assert not server.mails
    assert changed["smtpPassword"] == ""
    kept = admin.done("PATCH", "/project/smtp", {"senderName": "Me", "host": None})
    assert (kept["smtpHost"], kept["smtpSenderName"], kept["smtpEnabled"]) == ("127.0.0.1", "Me", True)
    assert admin.done("PATCH", "/project/smtp", {"senderName": ""})["smtpSenderName"] == ""
    older = {"enabled": False, "replyTo": "reply@example.com", "secure": ""}
    reply = person.done("PATCH", f"/projects/{project}/smtp", older)
    assert (reply["smtpReplyToEmail"], reply["smtpEnabled"]) == ("reply@example.com", False)
    wanted = select(projects.c.settings).where(projects.c.id == project)
    stored: Any = api.run(lambda: api.instance.database.read(lambda connection: connection.scalar(wanted)))
    assert LOGIN["password"] not in str(stored)
    assert api.instance.encryption.open(stored["smtp"]["password"]) == LOGIN["password"]


def test_a_server_that_is_to_be_used_and_does_not_work_is_refused(admin: Program, server: MailServer) -> None:
    before = shown(admin)
    wrong = {**MAIL, "port": server.port, "username": "me", "password": "wrong", "enabled": True}
    refused = admin.call("PATCH", "/project/smtp", wrong)
    assert (refused.status_code, refused.json()["type"]) == (400, "project_smtp_config_invalid")
    assert "authentication" in refused.json()["message"]
    assert "wrong" not in refused.json()["message"]
    nobody = admin.call("PATCH", "/project/smtp", {**MAIL, "enabled": True})
    assert nobody.json()["type"] == "project_smtp_config_invalid"
    no_tls = {**MAIL, **LOGIN, "port": server.port, "secure": "tls", "enabled": True}
    assert admin.refused("PATCH", "/project/smtp", no_tls) == "project_smtp_config_invalid"
    assert shown(admin) == before


def test_a_server_in_use_stays_as_it_was_if_a_change_breaks_it(admin: Program, server: MailServer) -> None:
    admin.done("PATCH", "/project/smtp", {**MAIL, **LOGIN, "port": server.port})
    before = shown(admin)
    for change in ({"password": "wrong"}, {"port": 1}, {"secure": "ssl"}):
        assert admin.refused("PATCH", "/project/smtp", change) == "project_smtp_config_invalid"
    assert shown(admin) == before
    assert admin.done("PATCH", "/project/smtp", {"port": 1, "enabled": False})["smtpEnabled"] is False


def test_a_server_that_does_not_work_yet_is_kept_unused(admin: Program) -> None:
    changed = admin.done("PATCH", "/project/smtp", {**MAIL, "senderName": "Me"})
    assert (changed["smtpEnabled"], changed["smtpPort"], changed["smtpSenderName"]) == (False, 1, "Me")
    # Nothing to try out without a sender.
    assert admin.done("PATCH", "/project/smtp", {"senderEmail": ""})["smtpSenderEmail"] == ""


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, "host"),
        ({"host": "mail.example.com"}, "port"),
        ({"host": "mail.example.com", "port": 25}, "senderEmail"),
        ({"host": "mail.example.com", "port": 0, "senderEmail": "me@example.com"}, "port"),
    ],
)
def test_what_a_server_in_use_needs(admin: Program, body: dict[str, Any], missing: str) -> None:
    refused = admin.call("PATCH", "/project/smtp", {**body, "enabled": True})
    assert refused.status_code == 400
    assert refused.json()["type"] == "general_argument_invalid"
    assert refused.json()["message"] == f'Param "{missing}" is not optional.'


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({**MAIL, "port": 70000}, "project_smtp_config_invalid"),
        ({"host": ""}, "general_argument_invalid"),
        ({"host": "*.example.com"}, "general_argument_invalid"),
        ({"host": "mail.example.com:25"}, "general_argument_invalid"),
        ({"host": "localhost"}, "general_argument_invalid"),
        ({"host": "10.0.0.1"}, "general_argument_invalid"),
        ({"host": "mail.internal"}, "general_argument_invalid"),
        ({"senderEmail": "nobody"}, "general_argument_invalid"),
        ({"senderName": "Me\r\nBcc: all@example.com"}, "general_argument_invalid"),
        ({"secure": "rot13"}, "general_argument_invalid"),
    ],
)
def test_mail_settings_that_cannot_work(admin: Program, body: dict[str, Any], refusal: str) -> None:
    assert admin.refused("PATCH", "/project/smtp", body) == refusal
