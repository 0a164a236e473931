"""Fixtures for the tests of the platform."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.platform.people import Person, Program, sign_up
from tests.support.api import ApiServer, running_api
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API that lets everybody sign up for the console; tests use people of their own."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("platform")),
        synchronous="normal",
        console_signup="open",
        rate_limits=False,
        outbound_allowed_hosts=["receiver", "10.1.2.3", "fd00::1", "127.0.0.1"],
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


@pytest.fixture(scope="session")
def person(api: ApiServer) -> Person:
    """Somebody at the console."""
    return sign_up(api)


@pytest.fixture
def project(person: Person) -> str:
    """A project of the person, with an organisation of its own."""
    return person.project()


@pytest.fixture
def admin(person: Person, project: str) -> Program:
    """The person, acting on the project."""
    return person.admin(project)
