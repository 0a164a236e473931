"""Strangers learn nothing about who has an account: neither from answers nor from the work behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import argon2
import pytest
from sqlalchemy import update

from tests.services.account.site import PASSWORD, Site
from tidewire.core.ids import is_id
from tidewire.core.time import now
from tidewire.store.schema import audit_log, projects

URL = "http://localhost/back"
DAY = 24 * 3600 * 1000


def shape(answer: dict[str, Any]) -> dict[str, Any]:
    """What a stranger can compare of two answers: everything but random parts of the same form."""
    return {
        name: (len(value), value.isalnum()) if name in {"$id", "userId", "expire", "$createdAt"} else value
        for name, value in answer.items()
    }


@contextmanager
def computed_hashes() -> Iterator[list[str]]:
    """Which computations of argon2 are done meanwhile."""
    done: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        real = getattr(argon2.PasswordHasher, name)

        def call(*arguments: Any, **named: Any) -> Any:
            done.append(name)
            return real(*arguments, **named)

        return call

    with (
        patch.object(argon2.PasswordHasher, "hash", watched("hash")),
        patch.object(argon2.PasswordHasher, "verify", watched("verify")),
    ):
        yield done


def test_signing_in_with_a_wrong_password(site: Site) -> None:
    ada, imported, without = site.person(), site.person(), site.person()
    site.change_user(imported.id, password_hash="5f4dcc3b5aa765d61d8327deb882cf99", hash="md5")
    site.change_user(without.id, password_hash=None, hash="")
    answers = []
    with computed_hashes() as work:
        for email in (ada.email, imported.email, without.email, "nobody@example.com"):
            response = site.visitor().call("POST", "/sessions/email", email=email, password="wrong password")
            answers.append((response.status_code, response.json(), sorted(response.headers)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 401
    assert work == ["verify", "hash", "hash", "hash"]


def test_blocked_users_are_known_only_to_themselves(site: Site) -> None:
    ada = site.person()
    site.change_user(ada.id, status=False)
    site.visitor().refused(
        "user_invalid_credentials", "POST", "/sessions/email", email=ada.email, password="wrong password"
    )
    site.visitor().refused("user_blocked", "POST", "/sessions/email", email=ada.email, password=PASSWORD)


def test_recovery_answers_alike(site: Site) -> None:
    ada, blocked = site.person(), site.person()
    site.change_user(blocked.id, status=False)
    known, nobody, shut = (
        site.visitor().expect(201, "POST", "/recovery", email=email, url=URL)
        for email in (ada.email, "nobody@example.com", blocked.email)
    )
    assert shape(known) == shape(nobody) == shape(shut)
    assert known["userId"] == ada.id
    assert is_id(nobody["userId"])
    assert shut["userId"] != blocked.id
    assert [message.recipient for message in site.messages()] == [ada.email]


def test_the_same_stranger_seems_to_have_the_same_id(site: Site) -> None:
    # While a project is young its strangers seem ever older: the ids change when its age has doubled.
    aged = update(projects).values(created_at=now() - 300 * DAY)
    site.api.run(
        lambda: site.api.instance.database.write(lambda unit: unit.connection.execute(aged) and None)
    )

    def ids(email: str) -> set[str]:
        return {
            site.visitor().expect(201, "POST", "/recovery", email=email, url=URL)["userId"] for _ in range(3)
        }

    assert len(ids("nobody@example.com")) == 1
    assert ids("nobody@example.com") != ids("somebody@example.com")


def test_both_kinds_of_recovery_write(site: Site) -> None:
    ada = site.person()
    for email in (ada.email, "nobody@example.com"):
        before = site.read(lambda connection: len(connection.execute(audit_log.select()).all()))
        site.visitor().expect(201, "POST", "/recovery", email=email, url=URL)
        after = site.read(lambda connection: len(connection.execute(audit_log.select()).all()))
        assert after == before + 1


def test_servers_are_told(site: Site) -> None:
    ada = site.person()
    site.change_user(ada.id, status=False)
    server = site.server("sessions.write")
    server.refused("user_not_found", "POST", "/recovery", email="nobody@example.com", url=URL)
    server.refused("user_blocked", "POST", "/recovery", email=ada.email, url=URL)


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("POST", "/sessions/token", {}),
        ("PUT", "/sessions/magic-url", {}),
        ("PUT", "/sessions/phone", {}),
        ("PUT", "/recovery", {"password": PASSWORD}),
        ("PUT", "/verifications/email", {}),
        ("PUT", "/verifications/phone", {}),
    ],
)
def test_wrong_secrets_tell_nothing_of_the_user(
    site: Site, method: str, path: str, more: dict[str, str]
) -> None:
    ada = site.person(signed_in=False)
    messages = {
        site.visitor().refused("user_invalid_token", method, path, userId=user_id, secret="wrong", **more)
        for user_id in (ada.id, "nobody")
    }
    assert len(messages) == 1


@pytest.mark.parametrize("path", ["/tokens/email", "/tokens/magic-url"])
def test_a_full_project_does_not_tell_who_is_in_it(site: Site, path: str) -> None:
    ada = site.person(signed_in=False)
    site.change_settings(user_limit=1)
    known, nobody = (
        site.visitor().expect(201, "POST", path, userId="unique()", email=email)
        for email in (ada.email, "nobody@example.com")
    )
    assert shape(known) == shape(nobody)
    assert [message.recipient for message in site.messages()] == [ada.email]
    for email in (ada.email, "nobody@example.com"):
        site.visitor().refused(
            "user_count_exceeded", "POST", "", userId="unique()", email=email, password=PASSWORD
        )
    server = site.server("sessions.write")
    server.refused("user_count_exceeded", "POST", path, userId="unique()", email="nobody@example.com")
