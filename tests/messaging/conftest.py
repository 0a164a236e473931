"""An API with messaging, and who uses it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.messaging.people import Person, sign_up
from tests.support.api import ApiServer, running_api
from tests.support.responses import checked_client
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API, shared: tests use ids of their own. Nothing is delivered."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("messaging")),
        synchronous="normal",
        rate_limits=False,
        messaging_max_listed=20,
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


@pytest.fixture(scope="session")
def program(api: ApiServer) -> Iterator[httpx.Client]:
    """A program with an API key for everything, whose answers are checked."""
    headers = {
        "X-Appwrite-Project": api.project,
        "X-Appwrite-Key": api.create_key(sorted(PROJECT_KEY_SCOPES)),
    }
    with checked_client(base_url=api.url, headers=headers, timeout=30) as checked:
        yield checked


@pytest.fixture
def ada(api: ApiServer) -> Iterator[Person]:
    """A person who is signed in."""
    with sign_up(api) as person:
        yield person


@pytest.fixture
def bob(api: ApiServer) -> Iterator[Person]:
    """Another one."""
    with sign_up(api) as person:
        yield person
