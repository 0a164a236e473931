"""An API with all services, and with operations that show how requests are understood."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.probe import operations as probe
from tests.support.api import ApiServer, running_api
from tests.support.responses import checked_client
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API, shared: tests use ids of their own."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("api")),
        synchronous="normal",
        max_body_bytes=200_000,
        max_header_bytes=16_384,
        max_file_bytes=12_000_000,
        trusted_proxies=True,
        rate_limits=False,
        hostnames=["localhost", "api.example.com"],
    )
    with running_api(settings, [*ALL_OPERATIONS, probe]) as server:
        yield server


@pytest.fixture(scope="session")
def key(api: ApiServer) -> str:
    """Secret of an API key for buckets and files."""
    return api.create_key(["buckets.read", "buckets.write", "files.read", "files.write"])


@pytest.fixture
def client(api: ApiServer) -> Iterator[httpx.Client]:
    """A client of the project without credentials, whose answers are checked."""
    headers = {"X-Appwrite-Project": api.project}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as checked:
        yield checked


@pytest.fixture
def server_client(api: ApiServer, key: str) -> Iterator[httpx.Client]:
    """A client with an API key, whose answers are checked."""
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": key}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as checked:
        yield checked


@pytest.fixture
def program(api: ApiServer) -> Iterator[httpx.Client]:
    """A program with an API key for everything, whose answers are checked."""
    headers = {
        "X-Appwrite-Project": api.project,
        "X-Appwrite-Key": api.create_key(sorted(PROJECT_KEY_SCOPES)),
    }
    with checked_client(base_url=api.url, headers=headers, timeout=30) as checked:
        yield checked
