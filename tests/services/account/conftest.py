"""Fixtures for the tests of accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.account.site import Site, sites
from tests.support.api import ApiServer, running_api
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API; each test has a project of its own."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("account")),
        synchronous="normal",
        rate_limits=False,
        hostnames=["localhost", "api.example.com"],
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


@pytest.fixture
def site(api: ApiServer) -> Iterator[Site]:
    """An empty project."""
    yield from sites(api)
