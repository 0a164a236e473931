"""Templates of mails: kept for each kind and locale, shown, and used when mails are made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.services.platform.people import PASSWORD, Person, Program, unique_id
from tests.support.api import ApiServer
from tests.support.mail_server import running_mail_server
from tidewire.core.email_templates import TEMPLATE_IDS
from tidewire.store.engine import event_log
from tidewire.store.schema import outgoing_messages

TEMPLATES = "/project/templates/email"
TEXTS = {"subject": "Please verify", "message": "<p>Hi {{user}} of {{project}}: {{redirect}}</p>"}
PAGE = "https://localhost/verify?x=1"
EVIL = '"><script>alert(1)</script>'


@pytest.fixture(scope="session")
def mail_port() -> Iterator[int]:
    with running_mail_server() as server:
        yield server.port


@pytest.fixture
def templates(admin: Program, mail_port: int) -> Program:
    """Somebody who acts on a project with a mail server of its own."""
    smtp = {"host": "127.0.0.1", "port": mail_port, "senderEmail": "team@example.org", "enabled": True}
    admin.done("PATCH", "/project/smtp", smtp)
    return admin


def user_of(api: ApiServer, project: str, **fields: Any) -> Program:
    """Somebody who signed up in the project, with a session."""
    program = Program(api, {"x-appwrite-project": project})
    login = {"email": f"{unique_id()}@example.com", "password": PASSWORD}
    program.done("POST", "/account", {"userId": unique_id(), **login, **fields})
    session = program.call("POST", "/account/sessions/email", login)
    name = f"a_session_{project}"
    return Program(api, program.headers | {"cookie": f"{name}={session.cookies[name]}"})


def queued(api: ApiServer, project: str) -> list[dict[str, Any]]:
    """The mails in line, opened."""

    async def work() -> list[dict[str, Any]]:
        store = await api.instance.project(project)
        assert store is not None
        rows = await store.database.read(
            lambda connection: list(
                connection.execute(select(outgoing_messages).order_by(outgoing_messages.c.sequence))
            )
        )
        opened = api.instance.encryption.open
        return [{**row._asdict(), "html": opened(row.html), "text": opened(row.text)} for row in rows]

    return api.run(work)


def older(program: Program, method: str, path: str, body: Any = None) -> Any:
    """The answer to a program of version 1.9.1."""
    headers = program.headers | {"x-appwrite-response-format": "1.9.1"}
    with httpx.Client(base_url=program.api.url + "/v1", timeout=20) as client:
        response = client.request(method, path, json=body, headers=headers)
    assert response.is_success, response.text
    return response.json()


def test_built_in_texts_are_shown(admin: Program, person: Person) -> None:
    for template_id in TEMPLATE_IDS:
        shown = admin.done("GET", f"{TEMPLATES}/{template_id}")
        assert (shown["templateId"], shown["locale"]) == (template_id, "en")
        assert shown["message"].startswith("<p>Hello {{user}},</p>")
        assert shown["subject"]
        assert (shown["senderName"], shown["senderEmail"]) == ("", "")
        assert (shown["replyToName"], shown["replyToEmail"]) == ("", "")
        assert person.done("GET", f"/console/templates/email/{template_id}") == shown
    german = admin.done("GET", f"{TEMPLATES}/verification?locale=DE")
    assert german["locale"] == "de"
    assert german["message"].startswith("<p>Hallo {{user}},</p>")
    assert admin.done("GET", f"{TEMPLATES}/verification?locale=eo")["message"].startswith("<p>Hello")
    assert admin.done("GET", TEMPLATES) == {"total": 0, "templates": []}


def test_anybody_sees_the_texts_of_the_console(api: ApiServer) -> None:
    guest = Program(api, {"x-appwrite-project": "console"})
    assert guest.done("GET", "/console/templates/email/recovery")["templateId"] == "recovery"
    assert guest.refused("GET", "/console/templates/email/nothing") == "general_argument_invalid"
    assert guest.refused("GET", "/console/templates/email/recovery?locale=xx") == "general_argument_invalid"


def test_each_kind_and_locale_has_a_template_of_its_own(templates: Program) -> None:
    made = templates.done("PATCH", TEMPLATES, {"templateId": "verification", **TEXTS})
    assert made == {
        "templateId": "verification",
        "locale": "en",
        **TEXTS,
        "senderName": "",
        "senderEmail": "",
        "replyToName": "",
        "replyToEmail": "",
    }
    brazil = {"templateId": "verification", "locale": "pt-BR", "subject": "Olá", "message": "<b>Olá</b>"}
    assert templates.done("PATCH", TEMPLATES, brazil)["locale"] == "pt-br"
    sender = {"senderName": "Me", "senderEmail": "me@example.com", "replyToEmail": "re@example.com"}
    changed = templates.done(
        "PATCH", TEMPLATES, {"templateId": "verification", **sender, "subject": None, "replyToName": "Re"}
    )
    assert changed == {**made, **sender, "replyToName": "Re"}
    cleared = templates.done(
        "PATCH", TEMPLATES, {"templateId": "verification", "senderName": "", "replyToEmail": ""}
    )
    assert cleared == {**changed, "senderName": "", "replyToEmail": ""}
    assert templates.done("GET", f"{TEMPLATES}/verification") == cleared
    assert templates.done("GET", f"{TEMPLATES}/verification?locale=pt-br")["message"] == "<b>Olá</b>"
    assert templates.done("GET", f"{TEMPLATES}/recovery")["message"] != TEXTS["message"]
    listed = templates.done("GET", TEMPLATES)
    assert [each["locale"] for each in listed["templates"]] == ["en", "pt-br"]
    page = templates.call("GET", TEMPLATES + '?queries[]={"method":"limit","values":[1]}&total=false').json()
    assert (page["total"], len(page["templates"])) == (0, 1)
    rest = templates.call("GET", TEMPLATES + '?queries[]={"method":"offset","values":[1]}').json()
    assert (rest["total"], [each["locale"] for each in rest["templates"]]) == (2, ["pt-br"])
    refused = templates.call(
        "GET", TEMPLATES + '?queries[]={"method":"equal","attribute":"locale","values":["en"]}'
    )
    assert refused.status_code == 400


def test_templates_need_a_mail_server(admin: Program, templates: Program) -> None:
    templates.done("PATCH", "/project/smtp", {"enabled": False})
    refused = admin.call("PATCH", TEMPLATES, {"templateId": "recovery", **TEXTS})
    assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")
    assert "SMTP" in refused.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"templateId": "nothing", **TEXTS},
        {"templateId": "recovery", "locale": "xx", **TEXTS},
        {"templateId": "recovery", "subject": "no message"},
        {"templateId": "recovery", "message": "no subject"},
        {"templateId": "recovery", **TEXTS, "subject": "two\nlines"},
        {"templateId": "recovery", **TEXTS, "subject": "x" * 256},
        {"templateId": "recovery", **TEXTS, "message": ""},
        {"templateId": "recovery", **TEXTS, "senderEmail": "nobody"},
        {"templateId": "recovery", **TEXTS, "senderName": "x\r\nBcc: a@example.com"},
        {"templateId": "recovery", **TEXTS, "message": "ü" * (2**17 + 1)},
        TEXTS,
    ],
)
def test_what_is_no_template(templates: Program, body: dict[str, Any]) -> None:
    assert templates.refused("PATCH", TEMPLATES, body) == "general_argument_invalid"
    assert templates.done("GET", TEMPLATES)["total"] == 0


def test_templates_of_a_project_are_bounded_together(templates: Program) -> None:
    locales = ["en", "de", "fr", "es", "it", "pl", "sv", "da", "nb", "fi", "cs", "ru", "sq", "tr", "ja", "ko"]
    body: dict[str, Any] = {"templateId": "recovery", "subject": "S", "message": "x" * 2**18}
    for locale in locales:
        templates.done("PATCH", TEMPLATES, {**body, "locale": locale})
    # One that is there may be replaced, no further one fits.
    templates.done("PATCH", TEMPLATES, {**body, "message": "y" * 2**18})
    assert templates.refused("PATCH", TEMPLATES, {**body, "locale": "sk"}) == "general_argument_invalid"


def test_who_may_see_and_change_templates(
    api: ApiServer, templates: Program, person: Person, project: str
) -> None:
    reader = person.key(project, "templates.read")
    writer = person.key(project, "templates.write")
    guest = Program(api, {"x-appwrite-project": project})
    assert reader.done("GET", TEMPLATES)["total"] == 0
    assert (
        reader.refused("PATCH", TEMPLATES, {"templateId": "recovery", **TEXTS})
        == "general_unauthorized_scope"
    )
    assert writer.done("PATCH", TEMPLATES, {"templateId": "recovery", **TEXTS})["subject"] == TEXTS["subject"]
    assert writer.refused("GET", TEMPLATES) == "general_unauthorized_scope"
    for program in (guest, user_of(api, project)):
        assert program.refused("GET", f"{TEMPLATES}/recovery") == "general_unauthorized_scope"
        assert program.refused("PATCH", TEMPLATES, {"templateId": "recovery"}) == "general_unauthorized_scope"
    legacy = f"/projects/{project}/templates/email"
    assert guest.refused("DELETE", legacy, {"type": "recovery"}) == "general_access_forbidden"
    stranger = Program(api, {"x-appwrite-project": "console"})
    assert stranger.refused("DELETE", legacy, {"type": "recovery"}) == "general_unauthorized_scope"
    assert templates.done("GET", TEMPLATES)["total"] == 1


def test_older_paths_and_words(templates: Program, person: Person, project: str) -> None:
    legacy = f"/projects/{project}/templates/email"
    made = older(
        person, "PATCH", f"{legacy}/recovery/de", {**TEXTS, "replyTo": "re@example.com", "senderName": "Me"}
    )
    assert made == {
        "type": "recovery",
        "locale": "de",
        **TEXTS,
        "senderName": "Me",
        "senderEmail": "",
        "replyTo": "re@example.com",
    }
    assert older(person, "GET", f"{legacy}/recovery/de") == made
    assert templates.done("GET", f"{TEMPLATES}/recovery?locale=de")["replyToEmail"] == "re@example.com"
    renamed = older(templates, "PATCH", TEMPLATES, {"type": "recovery", "locale": "fr", **TEXTS})
    assert renamed["type"] == "recovery"
    assert person.done("PATCH", legacy, {"templateId": "recovery", **TEXTS})["locale"] == "en"
    assert templates.done("GET", TEMPLATES)["total"] == 3
    assert person.call("DELETE", f"{legacy}/recovery/de").status_code == 204
    assert person.call("DELETE", legacy, {"type": "recovery", "locale": "fr"}).status_code == 204
    assert person.call("DELETE", legacy, {"type": "recovery"}).status_code == 204
    assert person.call("DELETE", legacy, {"type": "recovery"}).status_code == 204
    assert person.refused("DELETE", legacy, {"type": "nothing"}) == "general_argument_invalid"
    assert templates.done("GET", TEMPLATES)["total"] == 0
    assert templates.done("GET", f"{TEMPLATES}/recovery?locale=de")["message"].startswith("<p>Hallo")


def test_a_template_is_used_for_its_locale(api: ApiServer, templates: Program, project: str) -> None:
    ask = {"url": PAGE}
    user = user_of(api, project, name='Ada "The" <Great>')
    user.done("POST", "/account/verifications/email", ask, x_appwrite_locale="de")
    templates.done(
        "PATCH", TEMPLATES, {"templateId": "verification", **TEXTS, "senderEmail": "me@example.com"}
    )
    user.done("POST", "/account/verifications/email", ask, x_appwrite_locale="de")
    german = {"templateId": "verification", "locale": "de", "subject": "Hallo", "message": "Hallo {{user}}"}
    templates.done("PATCH", TEMPLATES, german)
    user.done("POST", "/account/verifications/email", ask, x_appwrite_locale="de")
    user.done("POST", "/account/verifications/email", ask)
    templates.done("PATCH", "/project/smtp", {"enabled": False})
    user.done("POST", "/account/verifications/email", ask, x_appwrite_locale="de")
    mails = queued(api, project)
    assert [mail["subject"] for mail in mails] == [
        "Kontobestätigung für Project",
        "Please verify",
        "Hallo",
        "Please verify",
        "Kontobestätigung für Project",
    ]
    assert [mail["sender"] for mail in mails] == [
        {},
        {"sender_email": "me@example.com"},
        {},
        {"sender_email": "me@example.com"},
        {},
    ]
    assert "Hallo Ada &quot;The&quot; &lt;Great&gt;" in mails[2]["html"]
    assert mails[2]["text"] == 'Hallo Ada "The" <Great>\n'
    assert "https://localhost/verify?x=1&amp;userId=" in mails[3]["html"]
    assert "https://localhost/verify?x=1&userId=" in mails[3]["text"]


def test_strangers_put_no_markup_into_mails(api: ApiServer, templates: Program, project: str) -> None:
    message = (
        "<title>{{team}}</title><p title={{owner}}>{{owner}} {{team}} {{user}}</p>"
        "<a href='{{redirect}}'>{{redirect}}</a><a href=\"{{team}}\">x</a>"
        "<script>let x = '{{team}}'</script>{{nobody}}"
    )
    invitation = {"templateId": "invitation", "subject": "{{team}} {{owner}}", "message": message}
    templates.done("PATCH", TEMPLATES, invitation)
    owner = user_of(api, project, name=EVIL)
    team = owner.done("POST", "/teams", {"teamId": unique_id(), "name": "javascript:alert(1)//" + EVIL})[
        "$id"
    ]
    body = {
        "email": "eve@example.com",
        "roles": [],
        "name": EVIL,
        "url": f"https://localhost/{EVIL.replace(' ', '')}",
    }
    owner.done("POST", f"/teams/{team}/memberships", body)
    templates.call("DELETE", f"/projects/{project}/templates/email", {"type": "invitation"})
    [mail] = queued(api, project)
    html = mail["html"]
    assert html.count("<script>") == 1
    assert "<script>let x = 'javascriptalert1scriptalert1script'</script>" in html
    assert '<a href="javascript%3Aalert%281%29%2F%2F%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E">' in html
    assert "<p title=&#34;&#62;&#60;script&#62;alert&#40;1&#41;&#60;&#47;script&#62;>" in html
    assert "<a href='https://localhost/&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;?" in html
    assert "{{nobody}}" in html
    assert mail["subject"] == f"javascript:alert(1)//{EVIL} {EVIL}"


def test_webhooks_are_told(api: ApiServer, templates: Program, project: str) -> None:
    templates.done("PATCH", TEMPLATES, {"templateId": "recovery", **TEXTS})

    async def last() -> Any:
        store = await api.instance.project(project)
        assert store is not None
        return await store.database.read(
            lambda connection: event_log.read_after(connection, 0, 100)[-1].event
        )

    event = api.run(last)
    assert (event.pattern, event.parameters) == ("templates.[templateId].update", {"templateId": "recovery"})
