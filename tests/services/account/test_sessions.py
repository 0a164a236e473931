"""Sessions over HTTP: their number, their length, alerts about them."""

from __future__ import annotations

from tests.services.account.site import PASSWORD, Site, payload
from tidewire.core.time import now, parse_datetime
from tidewire.store.schema import sessions, targets


def test_the_oldest_session_gives_way(site: Site) -> None:
    site.change_settings(session_limit=2)
    ada = site.person()
    first = site.session_ids(ada.id)[0]
    browsers = [site.visitor() for _ in range(2)]
    for browser in browsers:
        browser.sign_in(ada.email)
    assert len(site.session_ids(ada.id)) == 2
    assert first not in site.session_ids(ada.id)
    ada.refused("general_unauthorized_scope", "GET", "")
    assert payload(site.event("users.[userId].sessions.[sessionId].delete"))["$id"] == first
    for browser in browsers:
        browser.expect(200, "GET", "")


def test_sessions_last_as_the_project_says(site: Site) -> None:
    site.change_settings(session_duration=120)
    ada = site.person(signed_in=False)
    session = ada.sign_in()
    assert 0 < parse_datetime(session["expire"]) - now() <= 120_000
    site.expire(sessions)
    ada.refused("general_unauthorized_scope", "GET", "")


def test_a_session_can_be_extended(site: Site) -> None:
    site.change_settings(session_duration=120)
    ada = site.person(signed_in=False)
    before = ada.sign_in()
    site.change_settings(session_duration=3600)
    for name in ("current", before["$id"]):
        session = ada.expect(200, "PATCH", f"/sessions/{name}")
        assert session["current"] is True
        assert parse_datetime(session["expire"]) - now() > 3_500_000
    event = site.event("users.[userId].sessions.[sessionId].update")
    assert payload(event) == session
    ada.refused("user_session_not_found", "PATCH", "/sessions/other")
    site.person().refused("user_session_not_found", "PATCH", f"/sessions/{before['$id']}")


def test_alerts(site: Site) -> None:
    site.change_settings(session_alerts=True)
    ada = site.person()
    assert site.messages() == []  # the first sign-in is no news
    site.visitor().sign_in(ada.email)
    alert = site.message_to(ada.email)
    assert "new session" in alert.subject
    assert "Chrome, Linux" in alert.text
    assert "127.0.0.1" in alert.text
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/email", userId="unique()", email=ada.email)
    code = site.code_to(ada.email)
    before = len(site.messages())
    visitor.expect(201, "POST", "/sessions/token", userId=ada.id, secret=code)
    assert len(site.messages()) == before


def test_push_targets(site: Site) -> None:
    ada, bob = site.person(), site.person()
    target = ada.expect(
        201, "POST", "/targets/push", targetId="phone", identifier="token-1", providerId="fcm"
    )
    assert (target["userId"], target["providerType"], target["providerId"]) == (ada.id, "push", "fcm")
    assert target["name"] == "Chrome on Linux"
    created = site.event("users.[userId].targets.[targetId].create")
    assert payload(created) == target
    assert created.channels == ["account", f"account.{ada.id}"]
    assert [each["$id"] for each in ada.expect(200, "GET", "")["targets"]][-1] == "phone"
    bob.refused("user_target_already_exists", "POST", "/targets/push", targetId="phone", identifier="token-9")
    bob.refused("user_target_already_exists", "POST", "/targets/push", targetId="x", identifier="token-1")
    for method in ("PUT", "DELETE"):
        bob.refused("user_target_not_found", method, "/targets/phone/push", identifier="token-2")
    updated = ada.expect(200, "PUT", "/targets/phone/push", identifier="token-2")
    assert (updated["identifier"], updated["expired"]) == ("token-2", False)
    ada.expect(204, "DELETE", "/targets/phone/push")
    assert site.event("users.[userId].targets.[targetId].delete").parameters["targetId"] == "phone"
    email_target = ada.expect(200, "GET", "")["targets"][0]["$id"]
    ada.refused("user_target_not_found", "DELETE", f"/targets/{email_target}/push")


def test_a_device_is_forgotten_with_its_session(site: Site) -> None:
    ada = site.person()
    ada.expect(201, "POST", "/targets/push", targetId="phone", identifier="token-1")
    ada.expect(204, "DELETE", "/sessions/current")
    names = site.read(lambda connection: [row.provider_type for row in connection.execute(targets.select())])
    assert names == ["email"]


def test_logs(site: Site) -> None:
    ada = site.person()
    ada.expect(200, "PATCH", "/name", name="Countess")
    ada.expect(201, "POST", "/recovery", email=ada.email, url="http://localhost/x")
    logs = ada.expect(200, "GET", "/logs")
    assert [log["event"] for log in logs["logs"]] == [
        "recovery.create",
        "user.update",
        "session.create",
        "user.create",
    ]
    assert logs["total"] == 4
    newest = logs["logs"][0]
    assert (newest["userId"], newest["userEmail"], newest["userName"]) == (ada.id, ada.email, "Countess")
    assert (newest["ip"], newest["clientName"], newest["osName"]) == ("127.0.0.1", "Chrome", "Linux")
    page = ada.expect(
        200,
        "GET",
        "/logs",
        **{"queries[0]": '{"method":"limit","values":[1]}', "queries[1]": '{"method":"offset","values":[3]}'},
    )
    assert [log["event"] for log in page["logs"]] == ["user.create"]
    ada.refused(
        "general_argument_invalid",
        "GET",
        "/logs",
        **{"queries[0]": '{"method":"orderAsc","attribute":"event"}'},
    )
    assert site.person().expect(200, "GET", "/logs", total="false")["total"] == 0


def test_wrong_passwords_change_nothing(site: Site) -> None:
    ada = site.person()
    before = len(site.events())
    site.visitor().refused(
        "user_invalid_credentials", "POST", "/sessions/email", email=ada.email, password=PASSWORD + "!"
    )
    assert len(site.events()) == before
