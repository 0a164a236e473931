"""Policies, switches, mock phones and mail settings of a project, in both generations."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.services.platform.people import Person, Program, sign_up, unique_id
from tests.support.api import ApiServer
from tests.support.mail_server import running_mail_server
from tidewire.core.events import Event
from tidewire.store.engine import event_log
from tidewire.store.schema import outgoing_messages

POLICIES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("password-dictionary", {"enabled": True}, {"enabled": True}),
    ("password-history", {"total": 5}, {"total": 5}),
    ("password-history", {"total": None}, {"total": 0}),
    ("password-personal-data", {"enabled": True}, {"enabled": True}),
    ("session-alert", {"enabled": True}, {"enabled": True}),
    ("session-duration", {"duration": 3600}, {"duration": 3600}),
    ("session-invalidation", {"enabled": False}, {"enabled": False}),
    ("session-limit", {"total": 3}, {"total": 3}),
    ("user-limit", {"total": 100}, {"total": 100}),
    ("user-limit", {"total": None}, {"total": 0}),
    (
        "password-strength",
        {"min": 12, "symbols": True},
        {"min": 12, "uppercase": False, "lowercase": False, "number": False, "symbols": True},
    ),
    (
        "membership-privacy",
        {"userMFA": True, "userId": False},
        {
            "userId": False,
            "userEmail": False,
            "userPhone": False,
            "userName": False,
            "userMFA": True,
            "userAccessedAt": False,
        },
    ),
    ("mfa-factors", {"totp": False}, {"totp": False, "email": True, "phone": True, "custom": False}),
]
OLDER: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("auth/limit", {"limit": 7}, "user-limit", {"total": 7}),
    ("auth/duration", {"duration": 120}, "session-duration", {"duration": 120}),
    ("auth/max-sessions", {"limit": 4}, "session-limit", {"total": 4}),
    ("auth/password-history", {"limit": 2}, "password-history", {"total": 2}),
    ("auth/password-dictionary", {"enabled": True}, "password-dictionary", {"enabled": True}),
    ("auth/personal-data", {"enabled": True}, "password-personal-data", {"enabled": True}),
    ("auth/session-alerts", {"alerts": True}, "session-alert", {"enabled": True}),
    ("auth/session-invalidation", {"enabled": False}, "session-invalidation", {"enabled": False}),
    ("auth/memberships-privacy", {"userName": True, "mfa": True}, "membership-privacy", {"userMFA": True}),
]


def events(api: ApiServer, project: str) -> list[Event]:
    """Everything in the log of the project."""

    async def work() -> list[Event]:
        store = await api.instance.project(project)
        assert store is not None
        logged = await store.database.read(lambda connection: event_log.read_after(connection, 0, 100_000))
        return [each.event for each in logged]

    return api.run(work)


@pytest.mark.parametrize(("policy", "sent", "shown"), POLICIES)
def test_policies(
    api: ApiServer, admin: Program, project: str, policy: str, sent: dict[str, Any], shown: dict[str, Any]
) -> None:
    answer = admin.done("PATCH", f"/project/policies/{policy}", sent)
    assert answer["$id"] in {project, policy}
    assert admin.done("GET", f"/project/policies/{policy}") == {"$id": policy, **shown}
    event = events(api, "console")[-1]
    assert event.names[0] == f"projects.{project}.policies.{policy}.update"
    assert (event.audience, event.channels) == ("console", ["console", f"projects.{project}"])


@pytest.mark.parametrize(("path", "sent", "policy", "shown"), OLDER)
def test_policies_of_older_clients(
    person: Person, project: str, path: str, sent: dict[str, Any], policy: str, shown: dict[str, Any]
) -> None:
    assert person.done("PATCH", f"/projects/{project}/{path}", sent)["$id"] == project
    assert person.admin(project).done("GET", f"/project/policies/{policy}").items() >= shown.items()


def test_list_of_policies(admin: Program) -> None:
    listed = admin.done("GET", "/project/policies")
    assert listed["total"] == len(listed["policies"]) == 11
    (second,) = admin.done(
        "GET",
        '/project/policies?queries[0]={"method":"limit","values":[1]}'
        '&queries[1]={"method":"offset","values":[1]}',
    )["policies"]
    assert second == listed["policies"][1]
    bad = '/project/policies?queries[0]={"method":"equal","attribute":"$id","values":["a"]}'
    assert admin.refused("GET", bad) == "general_argument_invalid"


@pytest.mark.parametrize(
    ("policy", "body"),
    [
        ("session-duration", {"duration": 59}),
        ("session-limit", {"total": 0}),
        ("session-limit", {"total": None}),
        ("password-history", {"total": 21}),
        ("password-history", {}),
        ("user-limit", {"total": -1}),
        ("password-strength", {"min": 7}),
        ("session-alert", {"enabled": "yes"}),
    ],
)
def test_bounds_of_policies(admin: Program, policy: str, body: dict[str, Any]) -> None:
    assert admin.refused("PATCH", f"/project/policies/{policy}", body) == "general_argument_invalid"


def test_policies_need_their_scope(person: Person, project: str) -> None:
    reader = person.key(project, "project.policies.read", "project.write")
    reader.done("GET", "/project/policies")
    body = {"total": 1}
    assert reader.refused("PATCH", "/project/policies/user-limit", body) == "general_unauthorized_scope"
    older = person.key(project, "policies.write")
    older.done("PATCH", "/project/policies/user-limit", body)


def test_policies_count_at_once(api: ApiServer, person: Person, project: str, admin: Program) -> None:
    admin.done("PATCH", "/project/policies/user-limit", {"total": 1})
    sign_up(api, project)
    guest = Program(api, {"x-appwrite-project": project})
    second = {"userId": unique_id(), "email": "second@example.com", "password": "password of a second"}
    assert guest.refused("POST", "/account", second) == "user_count_exceeded"
    admin.done("PATCH", "/project/policies/user-limit", {"total": 0})
    guest.done("POST", "/account", second)


@pytest.mark.parametrize("older", [False, True])
def test_switches(person: Person, project: str, older: bool) -> None:
    admin = person.admin(project)
    for kind, listed, name, past in (
        ("services", "services", "teams", ("service", {"service": "teams", "status": False})),
        ("protocols", "protocols", "graphql", ("api", {"api": "graphql", "status": False})),
        ("auth-methods", "authMethods", "anonymous", ("auth/anonymous", {"status": False})),
    ):
        if older:
            changed = person.done("PATCH", f"/projects/{project}/{past[0]}", past[1])
        else:
            changed = admin.done("PATCH", f"/project/{kind}/{name}", {"enabled": False})
        assert [each["$id"] for each in changed[listed] if not each["enabled"]] == [name]
        back = admin.done("PATCH", f"/project/{kind}/{name}", {"enabled": True})
        assert all(each["enabled"] for each in back[listed])


def test_a_service_that_is_off_is_closed_to_users(api: ApiServer, person: Person, project: str) -> None:
    admin = person.admin(project)
    admin.done("PATCH", "/project/services/account/status", {"enabled": False})
    guest = Program(api, {"x-appwrite-project": project})
    someone = {"userId": unique_id(), "email": "some@example.com", "password": "password of some"}
    assert guest.refused("POST", "/account", someone) == "general_service_disabled"
    admin.done("GET", "/project")
    admin.done("PATCH", "/project/services/account", {"enabled": True})
    guest.done("POST", "/account", someone)


def test_unknown_switches(admin: Program) -> None:
    for path in ("services/kitchen", "protocols/telnet", "auth-methods/passkey"):
        refused = admin.refused("PATCH", f"/project/{path}", {"enabled": True})
        assert refused == "general_argument_invalid"


def test_mock_phones(admin: Program) -> None:
    body = {"number": "+15005550001", "otp": "123456"}
    created = admin.done("POST", "/project/mock-phones", body)
    assert (created["number"], created["otp"]) == ("+15005550001", "123456")
    assert admin.refused("POST", "/project/mock-phones", body) == "mock_number_already_exists"
    path = "/project/mock-phones/%2B15005550001"
    assert admin.done("GET", path) == created
    assert admin.done("PUT", path, {"otp": "654321"})["otp"] == "654321"
    assert admin.done("GET", "/project/mock-phones")["mockNumbers"][0]["otp"] == "654321"
    admin.done("DELETE", path)
    for method, sent in (("GET", None), ("PUT", {"otp": "111111"}), ("DELETE", None)):
        assert admin.refused(method, path, sent) == "mock_number_not_found"


def test_bounds_of_mock_phones(admin: Program) -> None:
    for body in (
        {"number": "15005550001", "otp": "123456"},
        {"number": "+15005550001", "otp": "12345"},
        {"number": "+15005550001", "otp": "12345x"},
        {"number": "+15005550001", "otp": "١٢٣٤٥٦"},
    ):
        assert admin.refused("POST", "/project/mock-phones", body) == "general_argument_invalid"
    for last in range(10):
        admin.done("POST", "/project/mock-phones", {"number": f"+1500555000{last}", "otp": "123456"})
    refused = admin.refused("POST", "/project/mock-phones", {"number": "+15005559999", "otp": "123456"})
    assert refused == "mock_number_limit_exceeded"


def test_passwords_of_mock_phones_stay_out_of_the_log(api: ApiServer, admin: Program, project: str) -> None:
    admin.done("POST", "/project/mock-phones", {"number": "+15005550001", "otp": "987654"})
    assert b"987654" not in b"".join(event.payload for event in events(api, project))


def test_mock_phones_of_older_clients(person: Person, project: str) -> None:
    path = f"/projects/{project}/auth/mock-numbers"
    numbers = [{"phone": "+15005550001", "otp": "123456"}, {"phone": "+15005550002", "otp": "123456"}]
    person.done("PATCH", path, {"numbers": numbers})
    assert person.admin(project).done("GET", "/project/mock-phones")["total"] == 2
    assert person.refused("PATCH", path, {"numbers": [numbers[0], numbers[0]]}) == "general_bad_request"
    assert person.refused("PATCH", path, {"numbers": ["+15005550001"]}) == "general_argument_invalid"
    person.done("PATCH", path, {"numbers": []})
    assert person.admin(project).done("GET", "/project/mock-phones")["total"] == 0


MAIL: dict[str, Any] = {
    "host": "mail.example.com",
    "port": 587,
    "senderEmail": "me@example.com",
    "password": "s3cret-word",
}


def test_test_mails(api: ApiServer, person: Person, project: str, admin: Program) -> None:
    body = {"emails": ["one@example.com", "two@example.com", "one@example.com"]}
    assert admin.refused("POST", "/project/smtp/tests", body) == "general_argument_invalid"
    with running_mail_server() as server:
        admin.done("PATCH", "/project/smtp", {**MAIL, "host": "127.0.0.1", "port": server.port})
    admin.done("POST", "/project/smtp/tests", body)
    given = {**MAIL, "host": "other.example.com", "emails": ["three@example.com"]}
    person.done("POST", f"/projects/{project}/smtp/tests", given)

    async def work() -> list[Any]:
        store = await api.instance.project(project)
        assert store is not None
        return await store.database.read(
            lambda connection: list(connection.execute(select(outgoing_messages)))
        )

    waiting = api.run(work)
    assert [row.recipient for row in waiting] == ["one@example.com", "two@example.com", "three@example.com"]
    assert [row.sender["host"] for row in waiting] == 2 * ["127.0.0.1"] + ["other.example.com"]
    assert all(MAIL["password"] not in str(row.sender) for row in waiting)
    too_many = {"emails": [f"{number}@example.com" for number in range(11)]}
    assert admin.refused("POST", "/project/smtp/tests", too_many) == "general_argument_invalid"


def test_mails_of_the_console_name_the_platform(api: ApiServer) -> None:
    somebody = sign_up(api)
    address = f"{somebody.user_id}@example.com"
    somebody.done("POST", "/account/recovery", {"email": address, "url": "http://localhost/recover"})
    wanted = select(outgoing_messages.c.subject, outgoing_messages.c.text).where(
        outgoing_messages.c.recipient == address
    )
    mail: Any = api.run(
        lambda: api.instance.database.read(lambda connection: connection.execute(wanted).one())
    )
    assert mail.subject == f"Password Reset for {api.settings.platform_name}"
    assert (
        f"Reset your {api.settings.platform_name} password using the link."
        in api.instance.encryption.open(mail.text)
    )
